"""What every command, page and service leaves in the audit log, or why nothing needs to be left.

The table behind docs/reference/audited.md; a command that is not in it fails a test. SATRE 2.5.03:
log-ins, privileged commands (failed ones too), changes of access, access to data, and egress.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enclave.events import Action

READS = "reads names and states of the control store, no data; nothing changes"

COMMANDS: Mapping[str, tuple[Action, ...] | str] = {
    "enclave plan": "compares files with the control store; nothing changes",
    "enclave apply": (
        Action.AGREEMENT_APPLIED,
        Action.PROJECT_PROVISIONED,
        Action.PROJECT_AMENDED,
        Action.ACCESS_GRANTED,
        Action.ACCESS_REVOKED,
        Action.SESSION_CLOSED,
    ),
    "enclave agreement show": "prints a file; nothing changes",
    "enclave agreement sign": "writes into a file of the network's; it counts once applied",
    "enclave project list": READS,
    "enclave project show": READS,
    "enclave project build": (Action.PROJECT_BUILT, Action.CROSSWALK_PUBLISHED),
    "enclave project versions": READS,
    "enclave project move": (Action.PROJECT_MOVED,),
    "enclave project forget": (Action.PROJECT_FORGOT,),
    "enclave project close": (
        Action.PROJECT_CLOSED,
        Action.SESSION_CLOSED,
        Action.ACCESS_REVOKED,
    ),
    "enclave accept-restored": (Action.STORE_ACCEPTED,),
    "enclave holdings": READS,
    "enclave register": READS,
    "enclave deliver": (Action.DELIVERY_STORED, Action.DELIVERY_REFUSED),
    "enclave gateway serve": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED),
    "enclave gateway worker": "the supervisor's own; each query it serves is logged",
    "enclave gateway front": "the supervisor's own; each token it refuses is logged",
    "enclave gateway token": (
        Action.TOKEN_ISSUED,
        Action.SESSION_OPENED,
        Action.ACCESS_DENIED,
    ),
    "enclave gateway revoke": (Action.SESSION_CLOSED,),
    "enclave demo up": "applies, delivers, links and builds by the commands above, each logged",
    "enclave demo down": "stops the services; each logs its own stop",
    "enclave demo status": "asks which services answer; nothing changes",
    "enclave doctor": "asks what works here; nothing changes",
    "linkage run": (Action.LINKAGE_RUN,),
    "linkage publish": (Action.CROSSWALK_PUBLISHED,),
    "linkage quality": (Action.LINKAGE_MEASURED,),
    "egress-review destroy": (Action.OUTPUT_DESTROYED,),
    "egress-review serve": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED),
    "egress-review verify": "checks a sealed proof; says whether it holds, and no number",
    "audit serve": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED, Action.INTERRUPTED),
    "audit web": (Action.SERVICE_STARTED, Action.SERVICE_STOPPED),
    "audit alerts-key": "prints the key one receiver checks alerts with; it opens nothing here",
    "audit export": "copies the log for whoever may read its directory anyway; it may be closed",
    "audit key rotate": (Action.AUDIT_KEY_ROTATED,),
    "audit key show": "prints public keys; nothing changes",
    "audit retention": (Action.AUDIT_PURGED,),
    "audit rotate": (Action.AUDIT_CLOSED, Action.AUDIT_ROTATED),
    "audit witness key": "another party's program, on another party's machine",
    "audit witness serve": "another party's program; what it does for us is its cosignature",
    "audit witness show": "another party's program; nothing changes",
    "audit store": "compares the control store with the log; nothing changes",
    "audit status": "reads what the log's evidence is worth, and writes nothing",
    "audit verify": "works offline on a copy, for somebody who trusts nobody here",
    "audit verify-proof": "works offline, for whoever holds a receipt",
    "audit verifier": "writes the verifier to a file; nothing changes",
}


@dataclass(frozen=True, slots=True)
class Told:
    """Something people or services do that is no command, its events, and the tests."""

    what: str
    actions: tuple[Action, ...]
    tests: tuple[str, ...]


HAPPENINGS: tuple[Told, ...] = (
    Told(
        "somebody logs in at a site or the hub, or is refused",
        (Action.LOGIN,),
        (
            "unit/web/test_web_login.py::test_a_log_in_is_an_event_with_the_person_and_the_site",
            "hostile/test_web_forged_logins.py::test_a_state_nobody_was_given_is_refused_and_logged",
            "hostile/test_web_forged_logins.py::"
            "test_one_factor_opens_nothing_and_is_logged_under_the_persons_name",
            "hostile/test_hub_boundaries.py::"
            "test_who_may_not_enter_is_refused_with_a_sentence_and_logged",
            "hostile/test_hub_boundaries.py::test_a_log_in_begun_elsewhere_is_refused_and_logged",
        ),
    ),
    Told(
        "somebody logs out, here or everywhere",
        (Action.LOGOUT,),
        ("unit/web/test_web_login.py::test_logging_out_ends_the_session_and_is_logged",),
    ),
    Told(
        "somebody signed in asks a site for what they may not see or do",
        (Action.ACCESS_DENIED,),
        (
            "unit/web/test_web_login.py::"
            "test_someone_without_the_role_is_told_what_to_do_and_it_is_logged",
            "unit/web/test_web_login.py::test_a_page_refused_to_somebody_signed_in_is_logged",
        ),
    ),
    Told(
        "somebody gets or loses a role, an agency or a project",
        (Action.ACCESS_GRANTED, Action.ACCESS_REVOKED),
        ("unit/house/test_told.py::test_who_got_or_lost_a_role_or_a_project_is_logged",),
    ),
    Told(
        "a command that changes something fails or is refused",
        (Action.COMMAND_FAILED,),
        ("unit/house/test_told.py::test_a_command_that_fails_is_logged_without_what_it_said",),
    ),
    Told(
        "a service starts or is stopped",
        (Action.SERVICE_STARTED, Action.SERVICE_STOPPED),
        ("unit/house/test_told.py::test_a_service_tells_of_its_start_and_its_stop",),
    ),
    Told(
        "a workspace opens, closes, is refused or loses its ground",
        (Action.SESSION_OPENED, Action.SESSION_CLOSED, Action.ACCESS_DENIED),
        (
            "unit/store/test_sessions.py::"
            "test_who_the_agreement_does_not_let_in_is_denied_and_logged",
            "flow/test_spawn.py::test_opening_is_logged_with_person_project_and_clause",
            "hostile/test_hub_boundaries.py::test_a_forged_project_opens_nothing_and_is_logged",
        ),
    ),
    Told(
        "a client outside the workspace gets a token, or comes with a wrong one",
        (Action.TOKEN_ISSUED, Action.ACCESS_DENIED),
        (
            "hostile/test_gateway_tokens.py::test_a_forged_token_is_refused_and_logged",
            "hostile/test_gateway_tokens.py::test_the_command_line_issues_and_revokes",
        ),
    ),
    Told(
        "a query begins, is answered, fails, is refused, explained or cut off",
        (
            Action.QUERY_INTENT,
            Action.QUERY_OUTCOME,
            Action.QUERY_DENIED,
            Action.QUERY_EXPLAINED,
            Action.INTERRUPTED,
        ),
        (
            "unit/gateway/test_answering.py::test_an_explanation_runs_nothing_and_is_logged",
            "unit/gateway/test_portable.py::test_every_attack_leaves_its_refusal_in_the_log",
            "flow/test_journey.py::test_every_allowed_query_has_an_intent_before_its_outcome",
        ),
    ),
    Told(
        "somebody reads a project's catalogue",
        (Action.CATALOGUE_READ,),
        ("unit/gateway/test_service.py::test_two_sessions_are_logged_as_two_people_and_end_apart",),
    ),
    Told(
        "an answer is paid for from an agreement's privacy budget",
        (Action.OUTPUT_BUDGET_SPENT,),
        ("hostile/test_egress_privacy.py::test_no_answer_leaves_that_audit_has_no_receipt_for",),
    ),
    Told(
        "an output is submitted, protected, refused, looked at, commented on, sent back, checked, "
        "voted on, rejected, withdrawn, released, downloaded or destroyed",
        (
            Action.OUTPUT_SUBMITTED,
            Action.OUTPUT_PROTECTED,
            Action.OUTPUT_REFUSED,
            Action.OUTPUT_VIEWED,
            Action.OUTPUT_COMMENTED,
            Action.OUTPUT_RETURNED,
            Action.OUTPUT_CHECKED,
            Action.OUTPUT_VOTED,
            Action.OUTPUT_REJECTED,
            Action.OUTPUT_WITHDRAWN,
            Action.OUTPUT_RELEASED,
            Action.OUTPUT_DOWNLOADED,
            Action.OUTPUT_DESTROYED,
            Action.OUTPUT_NOTICES_CHOSEN,
        ),
        (
            "hostile/test_egress_votes.py::test_no_vote_is_kept_that_audit_has_no_receipt_for",
            "flow/test_journey.py::test_the_auditor_finds_every_step_and_verifies_one",
        ),
    ),
    Told(
        "an auditor or a steward looks into the log, searches it or verifies it",
        (Action.AUDIT_SEARCHED, Action.AUDIT_VERIFIED),
        ("web/test_audit_pages.py::test_every_look_at_entries_is_itself_logged",),
    ),
    Told(
        "a rule of alerts is made, changed or deleted, and when it tells",
        (Action.AUDIT_RULE_CHANGED, Action.AUDIT_ALERTED),
        ("unit/audit/test_alerts.py::test_a_change_without_a_receipt_is_no_change",),
    ),
    Told(
        "a key of a project is made, used or destroyed: with its project's build, crosswalk, end",
        (Action.PROJECT_BUILT, Action.CROSSWALK_PUBLISHED, Action.PROJECT_CLOSED),
        (
            "unit/vault/test_build.py::"
            "test_a_build_makes_the_project_active_and_is_logged_with_its_columns",
        ),
    ),
)
