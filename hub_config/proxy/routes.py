"""The proxy's table: which host name and path leads to which address.

Written to a file at every change, so that a killed proxy comes back with its routes at once; the
hub's own check corrects what changed meanwhile. Holds addresses and names, no secrets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass
class Route:
    """An address, what the hub wants remembered with it, and when it was last used (UTC)."""

    target: str
    data: Mapping[str, Any]
    used: float = field(default_factory=time.time)

    @property
    def workspace(self) -> bool:
        """Whether this leads to a researcher's server and not to the hub."""
        return "user" in self.data

    @property
    def owner(self) -> str:
        """The person and project whose bytes these are, or `hub`."""
        if not self.workspace:
            return "hub"
        return f"{self.data['user']}/{self.data.get('server_name') or '-'}"


class Routes:
    """Longest-prefix table over `/host/path`, as configurable-http-proxy keeps it."""

    def __init__(self, file: Path, *, domain: str):
        self._file = file
        self._domain = domain
        self._table: dict[str, Route] = {}
        if file.exists():
            for key, entry in json.loads(file.read_text()).items():
                self._table[key] = Route(entry["target"], entry["data"])

    def add(self, path: str, body: Mapping[str, Any]) -> None:
        """Lead `path` to `body["target"]`; the rest of the body comes back with `listing`."""
        data = {name: value for name, value in body.items() if name != "target"}
        self._table[_key(path)] = Route(str(body["target"]), data)
        self._save()

    def remove(self, path: str) -> bool:
        """Forget a path; False where it was not known."""
        known = self._table.pop(_key(path), None) is not None
        self._save()
        return known

    def find(self, host: str, path: tuple[str, ...]) -> Route | None:
        """Return the route with the longest matching prefix on this host name.

        The hub's route `/` counts on the hub's own name only: on a workspace's, the hub's pages
        would stand on the same origin as what a researcher writes.
        """
        parts = (host, *path)
        keys = ["/" + "/".join(parts[:length]) for length in range(len(parts), 0, -1)]
        if host == self._domain:
            keys.append("/")
        for key in keys:
            if key in self._table:
                self._table[key].used = time.time()
                return self._table[key]
        return None

    def hub(self) -> Route | None:
        """Return the hub's own route."""
        return next((route for route in self._table.values() if route.data.get("hub")), None)

    def listing(self) -> dict[str, dict[str, Any]]:
        """Return the table as the hub reads it, with the time of each route's last use."""
        return {
            key: {
                "target": route.target,
                **route.data,
                "last_activity": datetime.fromtimestamp(route.used, UTC).isoformat(),
            }
            for key, route in self._table.items()
        }

    def _save(self) -> None:
        entries = {k: {"target": r.target, "data": dict(r.data)} for k, r in self._table.items()}
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(entries))
        draft.replace(self._file)


def _key(path: str) -> str:
    return "/" + path.strip("/")
