"""The alerts' loop in a process of its own, to be killed: `python -m tests.support.alerting`."""

from __future__ import annotations

from audit.web.alerts import alerts_of
from audit.web.room import Room
from enclave.settings import Settings
from enclave.store import ControlStore
from tests.support.watching import Book


def main() -> None:
    settings = Settings()
    alerts = alerts_of(Room(settings, ControlStore(settings.database_url), Book()))
    while True:
        alerts.look()


if __name__ == "__main__":
    main()
