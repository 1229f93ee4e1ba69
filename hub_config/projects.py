"""Which projects a person may open, and the page that lets them choose one.

Reads policies from the control store each time: an amendment or a closing bites at the next click.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from enclave.errors import Denied, NotFound
from enclave.model import Policy, ProjectState
from enclave.sessions import check_may_open
from enclave.store import ControlStore


def open_to(store: ControlStore, person: str) -> tuple[Policy, ...]:
    """Return the policies of the projects this person may work on today, by title."""
    found = []
    for row in store.projects():
        policy = store.policy(row.id)
        try:
            check_may_open(store, policy, person=person, today=date.today())
        except Denied:
            continue
        found.append(policy)
    return tuple(sorted(found, key=lambda policy: policy.title))


def shut_to(store: ControlStore, person: str) -> tuple[Policy, ...]:
    """Return the policies that name this person and whose time is over or has not come, by title.

    So that whoever worked there yesterday reads why the project is gone from the list.
    """
    today = date.today()
    named = (store.policy(row.id) for row in store.projects() if row.state is ProjectState.ACTIVE)
    shut = (p for p in named if person in p.researchers and not p.starts <= today <= p.ends)
    return tuple(sorted(shut, key=lambda policy: policy.title))


def choose(store: ControlStore, person: str, project: str) -> Policy:
    """Return the project's policy if this person may work on it today.

    Raises `Denied`, for a project that does not exist as for one that is not theirs.
    """
    try:
        policy = store.policy(project)
        check_may_open(store, policy, person=person, today=date.today())
    except NotFound as missing:
        raise Denied(
            "You are not named as a researcher of this project.",
            hint="Choose one of your projects, or ask its lead to have the agreement amended.",
        ) from missing
    return policy


def form(policy: Policy) -> str:
    """Return the HTML that says what opening this project means; the hub adds the button."""
    agencies = ", ".join(sorted(agency.upper() for agency in policy.agencies))
    rows = (
        ("Purpose", policy.purpose),
        ("Data of", agencies),
        ("Agreement", f"{policy.agreement}, in force until {policy.ends:%d %B %Y}"),
        ("What leaves", "only what you submit and every agency above approves"),
        ("What is recorded", "every query, every output, who and when"),
    )
    lines = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in rows)
    return (
        f'<h2 class="h3">{escape(policy.title)}</h2><dl>{lines}</dl>'
        f'<input type="hidden" name="project" value="{escape(policy.project, quote=True)}">'
    )


def menu(policies: Sequence[Policy], *, person: str, base: str) -> str:
    """Return a list of links, one a project, for a person who has not chosen yet."""
    if not policies:
        return (
            "<p>No agreement that is in force today names you. "
            "Ask your project's lead to have the agreement amended.</p>"
        )
    links = "".join(
        f'<li><a href="{escape(base)}spawn/{escape(person)}/{escape(policy.project)}">'
        f"{escape(policy.title)}</a></li>"
        for policy in policies
    )
    return f'<h2 class="h3">Choose a project</h2><ul>{links}</ul>'
