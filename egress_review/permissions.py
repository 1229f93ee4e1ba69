"""Who may do what to a request, whatever state it is in. States stand in `policy`.

Each rule is a pair: `check_x` raises a sentence for a person, `may_x` answers yes or no.
A request one may not know of is `NotFound`: its id tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps

from egress_review.errors import OwnProject
from egress_review.model import Opinion, Request
from enclave.errors import Denied, EnclaveError, NotFound
from enclave.model import Person, Role

Check = Callable[[Person, Request], None]


def _may(check: Check) -> Callable[[Person, Request], bool]:
    @wraps(check)
    def may(person: Person, request: Request) -> bool:
        try:
            check(person, request)
        except EnclaveError:
            return False
        return True

    return may


def is_author(person: Person, request: Request) -> bool:
    """Say whether this person asked for the release."""
    return person.id == request.person


def is_reviewer(person: Person, request: Request) -> bool:
    """Say whether this person reviews for an agency whose data the output uses (R3, R31)."""
    return _is_for_its_agency(person, request) and not _has_a_part(person, request)


def is_checker(person: Person, request: Request) -> bool:
    """Say whether the agreement names this reviewer as an output checker of the request."""
    return _is_named_checker(person, request) and not _has_a_part(person, request)


def is_blind(person: Person, request: Request, given: Collection[Opinion]) -> bool:
    """Say whether this output checker and the others do not know yet what each thinks."""
    return is_checker(person, request) and len(given) < request.checkers_needed


def is_barred(person: Person, request: Request) -> bool:
    """Say whether this person would review or check it, were they no researcher of its project."""
    concerned = _is_for_its_agency(person, request) or _is_named_checker(person, request)
    return concerned and person.id in request.researchers


def _is_for_its_agency(person: Person, request: Request) -> bool:
    return Role.REVIEWER in person.roles and person.agency in request.agencies


def _is_named_checker(person: Person, request: Request) -> bool:
    return Role.REVIEWER in person.roles and person.id in request.checkers


def _has_a_part(person: Person, request: Request) -> bool:
    """Say whether the output is this person's own, or of a project they do research in."""
    return is_author(person, request) or person.id in request.researchers


def check_see(person: Person, request: Request) -> None:
    """Raise unless this person asked for the release, reviews or checks it."""
    concerned = (is_author, is_reviewer, is_checker)
    if any(rule(person, request) for rule in concerned):
        return
    if is_barred(person, request):
        raise OwnProject(
            "You are named as a researcher in this project's agreement, so you do not review what "
            "leaves it.",
            hint="Another reviewer of your agency decides; if it has none, ask it to name one.",
        )
    raise NotFound("There is no such request.", hint="Your list shows what you may open.")


def check_see_raw(person: Person, request: Request) -> None:
    """Raise unless this person reviews or checks the output; its author saw it inside.

    The site is outside the enclave: even the author may not take the unprotected table here.
    """
    check_see(person, request)
    if is_author(person, request):
        raise Denied("The unprotected files are shown only to the agencies' reviewers.")


def check_vote(person: Person, request: Request) -> None:
    """Raise unless this person may decide for their agency; the author never votes."""
    check_see(person, request)
    if is_author(person, request):
        raise Denied("Nobody votes on an output of their own.")
    if not is_reviewer(person, request):
        raise Denied("Only reviewers of the agencies whose data the output uses decide on it.")


def check_return(person: Person, request: Request) -> None:
    """Raise unless this person may ask for changes: whoever may decide."""
    check_vote(person, request)


def check_find(person: Person, request: Request) -> None:
    """Raise unless the agreement names this person as an output checker; never the author."""
    check_see(person, request)
    if not is_checker(person, request):
        raise Denied("Only the output checkers that the agreement names give findings.")


def check_speak_privately(person: Person, request: Request) -> None:
    """Raise unless this person reviews or checks the output, and is not its author."""
    check_see(person, request)
    if is_author(person, request):
        raise Denied("Private comments are between the reviewers.")


def check_withdraw(person: Person, request: Request) -> None:
    """Raise unless this person asked for the release."""
    check_see(person, request)
    if not is_author(person, request):
        raise Denied("Only who asked for a release can withdraw it.")


def check_download(person: Person, request: Request) -> None:
    """Raise unless this person asked for the release, reviews or checks it."""
    check_see(person, request)


may_see = _may(check_see)
may_see_raw = _may(check_see_raw)
may_vote = _may(check_vote)
may_return = _may(check_return)
may_find = _may(check_find)
may_speak_privately = _may(check_speak_privately)
may_withdraw = _may(check_withdraw)
may_download = _may(check_download)
