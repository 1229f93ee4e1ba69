"""Which addresses we send a browser to: only pages of the same site.

Never follows a `next` that names a host, a scheme or a control character.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HOME = "/"

# A path on this site: one slash, then neither slash nor backslash (browsers read `\` as `/`),
# then visible ASCII only. Anything else is somebody's trick.
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]*", re.ASCII)


def local(address: str | None) -> str:
    """Return `address` if it is a path of this site, else the home page."""
    if not address or len(address) > 2000 or not _LOCAL.fullmatch(address) or "\\" in address:
        return HOME
    return address


def local_part(url: str | None, *, origin: str) -> str:
    """Return path and query of `url` if it lies on `origin`, else the home page."""
    if not url or not url.startswith(origin + "/"):
        return HOME
    parts = urlsplit(url)
    return local(parts.path + (f"?{parts.query}" if parts.query else ""))
