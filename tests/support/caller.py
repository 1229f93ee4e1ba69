"""A person at the hub without a browser: keeps cookies, follows redirects, reads forms."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlencode, urljoin, urlsplit

from tests.support.hub import RunningHub


@dataclass(frozen=True)
class Answer:
    """What came back, and from where after redirects."""

    status: int
    headers: Mapping[str, str]
    text: str
    url: str


@dataclass
class Caller:
    """One person's cookies, kept by host name."""

    hub: RunningHub
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def once(self, method: str, url: str, data: str | None = None, **headers: str) -> Answer:
        parts = urlsplit(url)
        jar = self.cookies.setdefault(parts.hostname or "", {})
        sent = {"Host": parts.netloc, "Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())}
        if data is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        path = parts.path or "/"
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=60)
        with closing(connection):
            target = f"{path}?{parts.query}" if parts.query else path
            connection.request(method, target, body=data, headers=sent | headers)
            answer = connection.getresponse()
            for given in answer.headers.get_all("Set-Cookie", []):
                name, _, value = given.partition(";")[0].partition("=")
                jar[name] = value
            text = answer.read().decode(errors="replace")
            return Answer(answer.status, dict(answer.headers), text, url)

    def go(self, method: str, url: str, data: str | None = None, **headers: str) -> Answer:
        """Make a request and follow redirects."""
        answer = self.once(method, url, data, **headers)
        for _ in range(12):
            if answer.status not in (301, 302, 303, 307):
                break
            answer = self.once("GET", urljoin(answer.url, answer.headers["Location"]))
        return answer

    def log_in(self, person: str) -> Answer:
        """Log in at the identity provider and return where it ended."""
        page = self.go("GET", f"{self.hub.settings.hub_url}/hub/login")
        return self.go("POST", page.url, urlencode({"sub": person}))

    def spawn(self, person: str, project: str) -> Answer:
        """Send the form that opens a workspace, with a token from a page one may see."""
        base = self.hub.settings.hub_url
        page = self.go("GET", f"{base}/hub/spawn")
        url = f"{base}/hub/spawn/{person}/{project}"
        found = re.search(r'xsrf_token: "([^"]+)"', page.text)
        token = found[1] if found else ""
        return self.go("POST", f"{url}?_xsrf={token}", "project=" + project)

    def call(self, method: str, path: str, body: str | None = None) -> Answer:
        """Call the hub's API as a script on one of its pages would."""
        page = self.go("GET", f"{self.hub.settings.hub_url}/hub/home")
        found = re.search(r'xsrf_token: "([^"]+)"', page.text)
        headers = {"X-XSRFToken": found[1] if found else "", "Sec-Fetch-Site": "same-origin"}
        headers |= {"Referer": f"{self.hub.settings.hub_url}/hub/home"}
        return self.once(method, f"{self.hub.settings.hub_url}{path}", body, **headers)
