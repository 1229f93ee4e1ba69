"""Small populations, and sequences of honest-looking outputs over them, through the real service.

Two projects of two researchers over the same persons (the second lacks one), and two versions of
each: somebody left, somebody's pay changed, somebody moved. What is asked for is drawn by a seed.
Each request says in plain functions what its rows mean, as whoever wrote the query knows; the
attacker (`tests.support.outsider`) reads that and the files, nothing else.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from egress_review.model import Request, State
from enclave import versions
from enclave.events import Action, Event
from enclave.model import (
    PERSON_ID,
    DisclosureRules,
    Policy,
    ProjectState,
    Protection,
    Unverified,
)
from enclave.store import Version, move, now, provision
from enclave.vault import extract, keys
from enclave.vault.pseudonym import pseudonym_key, pseudonymise
from tests.support import review
from tests.support.review import PEOPLE, World

LEAST = 5  # the threshold of these agreements: small, so that few persons make rich sequences
COUNTIES, INDUSTRIES, SEXES = "ABCD", "xyz", "FM"
AGES = tuple(range(20, 60, 5))
PAYS = (0, 8_000, 16_000)  # from where; what a query may compare pay with
RESEARCHERS = ("rosa", "ravi")


@dataclass(frozen=True)
class Point:
    """One place of the attribute space: what a query can tell a row by."""

    county: str
    industry: str
    sex: str
    age: int
    pay: int  # the band of pay, by its lower end


SPACE = tuple(Point(*one) for one in itertools.product(COUNTIES, INDUSTRIES, SEXES, AGES, PAYS))


@dataclass(frozen=True)
class Row:
    """One source row: whose, where, and the exact pay."""

    person: int
    at: Point
    pay: float


@dataclass(frozen=True)
class By:
    """A way to group: the SQL of it and the label of a point."""

    sql: str
    label: Callable[[Point], str]


@dataclass(frozen=True)
class Only:
    """A selection: its SQL, empty for everybody, and whether a point is in it."""

    sql: str
    holds: Callable[[Point], bool]


@dataclass(frozen=True)
class Number:
    """A column: its SQL, what it is (rows, persons, sum, mean or share), and of which part."""

    sql: str
    kind: str
    part: Callable[[Point], bool] = lambda at: True


@dataclass(frozen=True)
class Asked:
    """One output that somebody asks for; the first number is always the count of rows or people."""

    project: int
    epoch: int
    by: tuple[By, ...]
    sets: str  # how the groups are combined: plain, ROLLUP, CUBE or GROUPING SETS
    only: tuple[Only, ...]
    numbers: tuple[Number, ...]
    least: int = 0  # HAVING count(*) >= this

    @property
    def sql(self) -> str:
        """Return the query."""
        groups = [f"({one.sql}) AS group_{n}" for n, one in enumerate(self.by)]
        shown = [f"{one.sql} AS number_{n}" for n, one in enumerate(self.numbers)]
        where = " AND ".join(one.sql for one in self.only if one.sql)
        names = ", ".join(str(n + 1) for n in range(len(self.by)))
        grouped = {
            "": names,
            "SETS": f"GROUPING SETS ({', '.join(f'({n + 1})' for n in range(len(self.by)))}, ())",
        }.get(self.sets, f"{self.sets} ({names})")
        return (
            f"SELECT {', '.join([*groups, *shown])} FROM wages"
            + (f" WHERE {where}" if where else "")
            + f" GROUP BY {grouped}"
            + (f" HAVING count(*) >= {self.least}" if self.least else "")
        )

    def selects(self, at: Point) -> bool:
        """Say whether a row at this point is counted at all."""
        return all(one.holds(at) for one in self.only)


@dataclass(frozen=True)
class Leaving:
    """A file as it would leave or has left."""

    asked: Asked
    content: bytes
    request: Request


# Who there is ---------------------------------------------------------------------------------


def population(dice: random.Random, first: int, *, several: bool) -> list[Row]:
    """Return rows of 80 to 200 persons; with `several`, some have two."""
    rows = []
    for person in range(first, first + dice.randrange(80, 200)):
        county = dice.choices(COUNTIES, weights=(40, 25, 20, 6))[0]
        sex, age = dice.choice(SEXES), dice.choice(AGES)
        for _ in range(dice.choice((1, 1, 2)) if several else 1):
            industry = dice.choices(INDUSTRIES, weights=(50, 30, 8))[0]
            pay = round(dice.lognormvariate(9.2, 0.5), 2)
            rows.append(_row(person, Point(county, industry, sex, age, 0), pay))
    return rows


def _row(person: int, at: Point, pay: float) -> Row:
    return Row(person, replace(at, pay=max(one for one in PAYS if pay > one)), pay)


def changed(dice: random.Random, rows: Sequence[Row]) -> list[Row]:
    """Return the next version: somebody is gone, somebody earns more, somebody moved."""
    gone, richer, moved = dice.sample(sorted({row.person for row in rows}), 3)
    return [
        _row(
            row.person,
            replace(row.at, county="AB"[row.at.county == "A"]) if row.person == moved else row.at,
            round(row.pay * 1.1, 2) if row.person == richer else row.pay,
        )
        for row in rows
        if row.person != gone
    ]


def policy(project: str, protection: Protection | None = None) -> Policy:
    """Return the agreement of a project: one view, the threshold above."""
    rules = DisclosureRules(safe_threshold=LEAST, unverified=Unverified.REFUSE)
    view = review._view(
        "wages",
        "dol",
        county="string",
        industry="string",
        sex="string",
        age="integer",
        wage="decimal",
    )
    plain = review.policy(project)
    chosen = plain.protection if protection is None else protection
    return replace(plain, views=(view,), rules={"dol": rules}, protection=chosen)


@dataclass
class Scene:
    """The persons of one sequence, in two projects with two versions each."""

    world: World
    name: str
    rows: dict[tuple[int, int], list[Row]]

    @classmethod
    def made(
        cls, world: World, name: str, dice: random.Random, protection: Protection | None = None
    ) -> Scene:
        """Make both projects of new persons; `name` tells the sequence from all others."""
        first = uuid.uuid5(uuid.NAMESPACE_URL, name).int >> 80
        rows = population(dice, first, several=dice.random() < 0.3)
        later = changed(dice, rows)
        absent = dice.choice(rows).person
        told = {(0, 1): rows, (0, 2): later}
        told |= {(1, e): [r for r in told[0, e] if r.person != absent] for e in (1, 2)}
        return cls.of(world, name, told, protection)

    @classmethod
    def of(
        cls,
        world: World,
        name: str,
        rows: dict[tuple[int, int], list[Row]],
        protection: Protection | None = None,
    ) -> Scene:
        """Make both projects of these rows, by project and version."""
        scene = cls(world, name, rows)
        for project in (0, 1):
            scene._add(project, policy(scene.project(project), protection))
        return scene

    def project(self, number: int) -> str:
        """Return a project's name."""
        return f"{self.name}-{number}"

    def _add(self, number: int, terms: Policy) -> None:
        world, project = self.world, terms.project
        keys.create(world.settings, project)
        key = keys.load(world.settings, project)
        for epoch in (1, 2):
            extract.write_extract(
                world.settings,
                project,
                key,
                epoch=epoch,
                policy_sha256=terms.agreement_sha256,
                views={"wages": _table(self.rows[number, epoch], key)},
            )
        built = Event(Action.PROJECT_BUILT, actor="adam", project=project)
        with world.store.record(world.audit, built) as connection:
            provision(connection, terms)
            move(connection, project, ProjectState.ACTIVE, epoch=1)
        mark = world.store.project(project).policy_sha256
        with world.store.record(world.audit, built) as connection:
            for epoch in (1, 2):
                versions.register(connection, Version(project, epoch, mark, {}, now()))

    def submit(self, asked: Asked) -> Request:
        """Ask for the output and hand it in, as its researcher would."""
        project, person = self.project(asked.project), RESEARCHERS[asked.project]
        query, answer = self.world.ask(asked.sql, person=person, project=project, epoch=asked.epoch)
        return self.world.hand_in(review.table(answer, query), person=person, project=project)

    def content(self, request: Request) -> bytes:
        """Return the file as it would leave."""
        return self.world.service.view_raw(PEOPLE["dora"], request)[1]

    def withdraw(self, request: Request) -> Request:
        """Have its author take it back."""
        return self.world.service.withdraw(PEOPLE[request.person], request.id)

    def play(self, sequence: Sequence[Asked], dice: random.Random) -> Played:
        """Submit one after the other; some are released, some withdrawn, some asked for again."""
        played = Played([], [])
        for asked in sequence:
            request = self.submit(asked)
            if request.state is not State.PROTECTED:
                played.refused.append((asked, request.sentence))
                continue
            fate = dice.random()
            if fate < 0.1:
                self.withdraw(request)
                continue
            content = self.content(request)
            if fate < 0.3:
                request = self.world.vote("dora", request)
                assert request.state is State.RELEASED
            played.left.append(Leaving(asked, content, request))
        return played

    def end(self, played: Played) -> None:
        """Withdraw what nobody released, so that the record stays short."""
        for one in played.left:
            if one.request.state is State.PROTECTED:
                self.withdraw(one.request)


@dataclass
class Played:
    """What became of a sequence: what left, and what was refused with which sentence."""

    left: list[Leaving]
    refused: list[tuple[Asked, str]]


def _table(rows: Sequence[Row], key: bytes) -> pa.Table:
    ids = b"".join(uuid.uuid5(uuid.NAMESPACE_URL, str(row.person)).bytes for row in rows)
    blocks = pseudonymise(ids, pseudonym_key(key))
    columns: dict[str, list[object]] = {
        PERSON_ID: [str(uuid.UUID(bytes=blocks[n : n + 16])) for n in range(0, len(blocks), 16)]
    }
    for name in ("county", "industry", "sex", "age"):
        columns[name] = [getattr(row.at, name) for row in rows]
    table = pa.table(columns)
    money = pa.array([f"{row.pay:.2f}" for row in rows]).cast(pa.decimal128(18, 2))
    return table.append_column("wage", money).sort_by(PERSON_ID)


# What is asked --------------------------------------------------------------------------------


def _band(width: int) -> By:
    sql = "age" if width == 5 else f"CAST(floor(age / {width}) * {width} AS INTEGER)"
    return By(sql, lambda at: str(at.age // width * width))


BYS: dict[str, tuple[By, ...]] = {
    "place": (
        By("county", lambda at: at.county),
        By(
            "CASE WHEN county IN ('A', 'B') THEN 'North' ELSE 'South' END",
            lambda at: "North" if at.county in "AB" else "South",
        ),
    ),
    "trade": (By("industry", lambda at: at.industry),),
    "sex": (By("sex", lambda at: at.sex),),
    "age": (_band(5), _band(10), _band(20)),
}
ALL = Only("", lambda at: True)
ONLYS = (
    ALL,
    ALL,
    Only("sex = 'F'", lambda at: at.sex == "F"),
    Only("county <> 'D'", lambda at: at.county != "D"),
    Only("industry IN ('x', 'y')", lambda at: at.industry in "xy"),
    Only("age >= 25", lambda at: at.age >= 25),
    Only("age >= 30", lambda at: at.age >= 30),
    Only("age < 55", lambda at: at.age < 55),
    Only("wage > 8000", lambda at: at.pay >= 8_000),
    Only("wage > 16000", lambda at: at.pay >= 16_000),
)
ROWS = Number("count(*)", "rows")
PERSONS = Number("count(DISTINCT person_id)", "persons")
WOMEN = Number("count(*) FILTER (WHERE sex = 'F')", "rows", lambda at: at.sex == "F")
OTHERS = (
    PERSONS,
    Number("sum(wage)", "sum"),
    Number("avg(wage)", "mean"),
    Number(
        "100.0 * count(*) FILTER (WHERE industry = 'x') / count(*)",
        "share",
        lambda at: at.industry == "x",
    ),
    WOMEN,
    Number("(quantile_cont(wage, 0.45) + quantile_cont(wage, 0.55)) / 2", "other"),
)


def draw(dice: random.Random, *, counts_only: bool = False) -> list[Asked]:
    """Return 3 to 6 outputs, each a change or two away from the one before."""
    first = _first(dice, counts_only=counts_only)
    sequence = [first]
    for _ in range(dice.randrange(2, 6)):
        one = _next(dice, dice.choice(sequence), counts_only=counts_only)
        sequence.append(one)
    return sequence


def _first(dice: random.Random, *, counts_only: bool) -> Asked:
    kinds = dice.sample(sorted(BYS), dice.choice((1, 2, 2)))
    by = tuple(dice.choice(BYS[kind]) for kind in kinds)
    numbers = _numbers(dice, counts_only=counts_only)
    return Asked(0, 1, by, dice.choice(("", "ROLLUP", "CUBE")), (dice.choice(ONLYS),), numbers)


def _numbers(dice: random.Random, *, counts_only: bool) -> tuple[Number, ...]:
    first = dice.choice((ROWS, ROWS, PERSONS))
    if counts_only or dice.random() < 0.4:
        return (first,)
    return (ROWS, dice.choice(OTHERS))


def _next(dice: random.Random, one: Asked, *, counts_only: bool) -> Asked:
    """Return the output with one or two things changed that researchers change."""
    for _ in range(dice.choice((1, 1, 2))):
        match dice.choice(("by", "by", "only", "only", "sets", "numbers", "who", "when", "least")):
            case "by":
                one = replace(one, by=_other_groups(dice, one.by))
            case "only":
                one = replace(one, only=(dice.choice(ONLYS), dice.choice((ALL, *one.only))))
            case "sets":
                one = replace(one, sets=dice.choice(("", "ROLLUP", "CUBE", "SETS")))
            case "numbers":
                one = replace(one, numbers=_numbers(dice, counts_only=counts_only))
            case "who":
                one = replace(one, project=1 - one.project)
            case "when":
                one = replace(one, epoch=3 - one.epoch)
            case _:
                one = replace(one, least=dice.choice((0, LEAST)))
    return one


def _other_groups(dice: random.Random, by: tuple[By, ...]) -> tuple[By, ...]:
    """Return other groups: coarser or finer, one more or less, another, or two nested."""
    kinds = {one.sql: kind for kind, ways in BYS.items() for one in ways}
    place = dice.randrange(len(by))
    kind = kinds[by[place].sql]
    match dice.choice(("width", "width", "more", "less", "nested", "other")):
        case "width":
            new: tuple[By, ...] = (*by[:place], dice.choice(BYS[kind]), *by[place + 1 :])
        case "nested":
            new = BYS[kind][:2][::-1]
        case "less":
            new = by[:place] + by[place + 1 :]
        case _:
            other = dice.choice(BYS[dice.choice(sorted(BYS))])
            new = (*by[-1:], other)
    unique = tuple({one.sql: one for one in new}.values())
    return unique[:2] or by
