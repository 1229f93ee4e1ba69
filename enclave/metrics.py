"""What every `/metrics` endpoint has in common: where it answers, and Prometheus' text form.

Version 0.0.4 of the format. Knows no number of any room.
"""

from __future__ import annotations

from collections.abc import Iterator

from enclave.errors import Invalid


def address(value: str, setting: str) -> tuple[str, int]:
    """Return host and port of `host:port`, the value of a setting. Raises `Invalid`."""
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise Invalid(f"The setting `{setting}` is host:port.", hint="As in 127.0.0.1:9464.")
    return host.strip("[]"), int(port)


def head(name: str, kind: str, meaning: str) -> Iterator[str]:
    """Yield the lines before a metric's samples; `kind` is gauge, counter or histogram."""
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def escaped(text: str) -> str:
    """Return a label's value as the format wants it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
