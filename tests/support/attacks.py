"""The attack queries by family, and what each step of the gateway alone stops of them.

For the hostile tests, and for the table in docs/explanation/gateway.md, which is made and compared
by the same code: `python -m tests.support.attacks` writes it.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import duckdb
import yaml

from enclave.gateway.inspector import Inspector, agreement, bound_plan, engine_tree, limits
from enclave.gateway.inspector.reading import Reading
from enclave.gateway.refusals import QueryDenied
from enclave.settings import Settings
from tests.support import held
from tests.support.gateway import Collector, connection_of, make_test_inspector, open_gateway

DATA = Path(__file__).parents[1] / "data" / "gateway"
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "gateway.md"
BEGIN, END = "<!-- layers:begin -->", "<!-- layers:end -->"
UNICODE = "every space, format and control character"
EXHAUSTION = "resource exhaustion"
ENGINE_SECONDS = 2.0

Families = Mapping[str, list[str]]


@cache
def refused() -> Families:
    """Return the families of attacks that must be refused under the demo's own agreement."""
    listed: Families = yaml.safe_load((DATA / "attacks.yml").read_text(encoding="utf-8"))
    return {**listed, UNICODE: list(_unicode())}


@cache
def harmless() -> Families:
    """Return queries that look like attacks and may run, since what they give is harmless."""
    text = (DATA / "attacks_harmless.yml").read_text(encoding="utf-8")
    families: Families = yaml.safe_load(text)
    return families


@cache
def agreements() -> Mapping[str, tuple[str, list[str]]]:
    """Return the attacks on roles, groups and single persons, each with its agreement."""
    one = held.people()[held.ALONE]["person_id"]
    looked_up = [sql.replace("<ONE>", one) for sql in held.queries("held_looked_up.sql")]
    return {
        "columns granted for one use": ("roles", held.queries("held_roles.sql")),
        "small groups and single rows": ("groups", held.queries("held_groups.sql")),
        "look-ups of one person": ("roles", looked_up),
    }


def odd_characters() -> list[str]:
    """Return every character of Unicode that is a space, a format or a control character.

    Without those that may stand between words: a space, a tab, a line end.
    """
    kinds = ("Zs", "Zl", "Zp", "Cf", "Cc")
    everything = map(chr, range(sys.maxunicode + 1))
    return [c for c in everything if unicodedata.category(c) in kinds and c not in " \t\n"]


def _unicode() -> Iterator[str]:
    for odd in odd_characters():
        yield f"SELECT{odd}year FROM credentials"
        yield f"SELECT year FROM cred{odd}entials"
        yield f'SELECT "ye{odd}ar" FROM credentials'
        yield f'SELECT year FROM "credentials{odd}"'
        if odd != "\r":  # ends a comment
            yield f"SELECT year /* {odd} */ FROM credentials"
            yield f"SELECT year FROM pg_class -- {odd}"
        yield f"SELECT year FROM main.{odd}pg_class"
        yield f"{odd}SELECT year FROM pg_class{odd}"


# What one step alone stops ------------------------------------------------------------------------


def _characters(inspector: Inspector, sql: str) -> None:
    limits.read(sql)


def _second(inspector: Inspector, sql: str) -> None:
    seen = inspector.second.look(sql)
    if not seen.tables <= set(inspector.catalogue.tables):
        raise agreement.unknown_view(inspector.catalogue)


def _tree(inspector: Inspector, sql: str) -> None:
    with inspector._cursor() as cursor:
        engine_tree.read(cursor, sql, inspector.catalogue)


def _plan(inspector: Inspector, sql: str) -> None:
    with inspector._cursor() as cursor:
        bound = bound_plan.read(bound_plan.plan(cursor, sql))
    if not bound.tables <= set(inspector.catalogue.tables):
        raise agreement.unknown_view(inspector.catalogue)


def _agreement(inspector: Inspector, sql: str) -> None:
    """Hold what binds to the agreement; what does not bind is not this step's to stop."""
    with inspector._cursor() as cursor:
        try:
            tree = engine_tree._tree(cursor, sql)
            plan = bound_plan.plan(cursor, sql)
            bound = bound_plan.read(plan)
        except QueryDenied:
            return
        agreement.hold(
            inspector.catalogue, cursor, Reading(sql, tree, plan, bound.tables, bound.columns)
        )


def _whole(inspector: Inspector, sql: str) -> None:
    inspector.inspect(sql)


STEPS: Mapping[str, Callable[[Inspector, str], None]] = {
    "characters": _characters,
    "second parser": _second,
    "engine's tree": _tree,
    "bound plan": _plan,
    "agreement": _agreement,
    "all": _whole,
}
# The binder evaluates constants, and no clock stops it: these are never handed to it alone.
_NOT_TRIED = frozenset({(EXHAUSTION, "bound plan"), (EXHAUSTION, "agreement")})


def stops(step: str, inspector: Inspector, sql: str) -> bool:
    """Say whether one step alone refuses an attack; anything but a refusal is a fault."""
    try:
        STEPS[step](inspector, sql)
    except QueryDenied:
        return True
    except (UnicodeEncodeError, RecursionError, KeyError):  # without the steps before it
        return True
    return False


def engine_refuses(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Say whether the locked engine itself, without the inspector, gives an error or no end."""
    cursor = connection.cursor()
    clock = threading.Timer(ENGINE_SECONDS, cursor.interrupt)
    clock.start()
    try:
        cursor.execute(sql)
        cursor.fetchmany(5)
    except (duckdb.Error, RuntimeError, UnicodeEncodeError):
        return True
    finally:
        clock.cancel()
        cursor.close()
    return False


# The table --------------------------------------------------------------------------------------


def table(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the measured table as the page has it: one row a family, one column a step."""
    heads = ["family", "n", *STEPS, "engine alone"]
    lines = [_row(heads), _row(["---"] * len(heads))]
    plain = make_test_inspector()
    for family, queries in refused().items():
        counts = [_count(family, step, plain, queries) for step in STEPS]
        alone = "-" if family == EXHAUSTION else str(_engine_count(connection, queries))
        lines.append(_row([family, str(len(queries)), *counts, alone]))
    for family, (policy, queries) in agreements().items():
        counts = [_count(family, step, held.inspector(policy), queries) for step in STEPS]
        lines.append(_row([family, str(len(queries)), *counts, "-"]))
    return "\n".join(lines)


def _count(family: str, step: str, inspector: Inspector, queries: list[str]) -> str:
    if (family, step) in _NOT_TRIED:
        return "-"
    return str(sum(stops(step, inspector, sql) for sql in queries))


def _engine_count(connection: duckdb.DuckDBPyConnection, queries: list[str]) -> int:
    return sum(engine_refuses(connection, sql) for sql in queries)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def documented() -> str:
    """Return the table that stands in the page."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Measure, and write the table into the page."""
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(state_dir=Path(place) / "s", run_dir=Path(place) / "r")
        with open_gateway(settings, Collector()) as gateway:
            measured = table(connection_of(gateway))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{measured}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
