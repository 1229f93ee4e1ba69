"""Every way the gateway says no: a stable code each, one sentence, the clause and the next step.

Never carries a value from a view, a literal of the researcher's query or a path of the server.
"""

from __future__ import annotations

from typing import ClassVar

from enclave.errors import Denied, EnclaveError, Invalid, Unavailable


class QueryDenied(Denied):
    """The inspector, or the agreement behind it, refuses this query."""

    code: ClassVar[str] = "query.denied"


class TooLarge(QueryDenied):
    """Too long, too deep or too wide to be checked with certainty."""

    code = "query.too-large"


class OddText(QueryDenied):
    """Characters that two parsers could read differently."""

    code = "query.odd-text"


class NotUnderstood(QueryDenied):
    """Not SQL that both parsers can read."""

    code = "query.syntax"


class NotAQuestion(QueryDenied):
    """A statement that does something else than asking one question."""

    code = "query.statement"


class ConstructRefused(QueryDenied):
    """A construct that is not on the list of reviewed ones."""

    code = "query.construct"


class FunctionRefused(QueryDenied):
    """A function that is banned, or that nobody has reviewed yet."""

    code = "query.function"


class NotGranted(QueryDenied):
    """A view or a column that the agreement does not grant."""

    code = "query.not-granted"


class UseNotGranted(QueryDenied):
    """A column that is granted, but not for this use."""

    code = "query.column-role"


class NotGroups(QueryDenied):
    """An answer must be groups of enough persons, and is not, or cannot be tested for it."""

    code = "query.aggregate-only"


class SinglePerson(QueryDenied):
    """A look-up of one person: person_id compared with anything but another view's person_id."""

    code = "query.single-person"


class ReadersDisagree(QueryDenied):
    """The two parsers or the bound plan understand the query differently: nobody may run it."""

    code = "query.readers-disagree"


class NotPortable(QueryDenied):
    """Asks for something that Spark, this project's engine, would not answer as DuckDB does."""

    code = "query.not-portable"


class NotInForce(QueryDenied):
    """The agreement has not begun or has ended."""

    code = "agreement.not-in-force"


class BudgetSpent(QueryDenied):
    """The agreement's budget of queries, rows, bytes or CPU seconds for the day is spent."""

    code = "query.budget"
    status = 429


class QueryFailed(Invalid):
    """The query was allowed but the engine could not finish it."""

    code = "query.failed"


class GroupTooSmall(QueryFailed):
    """A group of the answer has too few persons, and the agreement stops the whole answer then."""

    code = "query.group-too-small"


class QueryStopped(EnclaveError):
    """The query was stopped: its time was over, its session closed or its client gone."""

    code = "query.stopped"
    status = 408


class ClientGone(QueryStopped):
    """Whoever asked has closed the answer before its end."""

    code = "query.client-gone"


class TooMany(Unavailable):
    """The session has as many queries running as one session may."""

    code = "query.too-many"


class SessionEnded(Denied):
    """The session behind this socket is closed."""

    code = "session.ended"


class GatewayUnavailable(Unavailable):
    """The gateway cannot answer for this project now."""

    code = "gateway.unavailable"


class ExtractUnreadable(Unavailable):
    """The project's extract was changed or damaged; nothing is answered from it."""

    code = "extract.unreadable"


class NoRoom(Unavailable):
    """The memory file system is full: the extract does not fit."""

    code = "gateway.no-room"


class TokenRefused(Denied):
    """No token, or none that is valid: never issued, expired, revoked or of an ended session."""

    code = "token.refused"
    status = 401


class NetworkNotGranted(Denied):
    """The agreement admits no clients from outside the workspace."""

    code = "token.not-granted"
