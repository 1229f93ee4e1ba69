"""What a portable node must look like where it stands, beyond being on the list.

Each rule raises NotPortable or returns. Never changes the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sqlglot import exp

from enclave.gateway.refusals import NotPortable
from enclave.gateway.spark import kinds as kind
from enclave.gateway.spark.kinds import Kinds, refused

MAX_TEXT = 200_000
ISO_DAY = re.compile(r"\d{4}-\d\d?-\d\d?")
_NAME = re.compile(r"[A-Za-z0-9_ .,:@%()*/+<>=!'\"\[\]-]*")
_SELECT_HAS = frozenset(
    ("with_", "expressions", "from_", "joins", "where", "group", "having", "qualify", "order",
     "limit", "offset", "distinct", "windows")
)  # fmt: skip
_SIDES, _KINDS = ("", "LEFT", "RIGHT", "FULL"), ("", "INNER", "OUTER", "CROSS", "SEMI", "ANTI")
_UNITS = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY")


def check(node: exp.Expr, kinds: Kinds) -> None:
    """Raise NotPortable unless a node is on the list and stands as its rules want it."""
    kinds.of(node)
    rule = _RULES.get(type(node))
    if rule is not None:
        rule(node, kinds)
    elif isinstance(node, exp.Predicate | exp.Between) and not isinstance(node, exp.Exists):
        _alike(node, kinds)


def whole(node: exp.Expr | None) -> int | None:
    """Return the number that a literal integer says, with its sign; None for anything else."""
    if isinstance(node, exp.Neg):
        inner = whole(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdecimal():
        return int(node.this)
    return None


def unit(node: exp.Expr) -> str:
    """Return the calendar unit a node names, in capitals and singular."""
    found = node.args.get("unit") or node.this
    return str(found.name).upper().removesuffix("S")


def _select(node: exp.Expr, kinds: Kinds) -> None:
    extra = {name for name, value in node.args.items() if value} - _SELECT_HAS
    if extra or (node.args.get("distinct") and node.args["distinct"].args.get("on")):
        raise NotPortable("The query has a clause that is not portable to Spark.")
    _limit(node, kinds)


def _limit(node: exp.Expr, kinds: Kinds) -> None:
    limited = node.args.get("limit") or node.args.get("offset")
    if limited and not node.args.get("order") and not _is_one_row(node):
        raise NotPortable(
            "LIMIT without ORDER BY gives other rows in Spark each time.",
            hint="Say in which order: ORDER BY columns that tell every two rows apart.",
        )
    for name in ("limit", "offset"):
        clause = node.args.get(name)
        if clause is not None and whole(clause.expression) is None:
            raise NotPortable("LIMIT and OFFSET must be written as whole numbers.")


def _is_one_row(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Select) or node.args.get("group"):
        return False
    return all(each.find(exp.AggFunc) and not each.find(exp.Window) for each in node.selects)


def _set_operation(node: exp.Expr, kinds: Kinds) -> None:
    odd = ("by_name", "side", "kind", "on", "match")
    if any(node.args.get(name) for name in odd):
        raise NotPortable("UNION BY NAME is not portable.", hint="List the columns in one order.")
    _limit(node, kinds)


def _join(node: exp.Expr, kinds: Kinds) -> None:
    side, sort = node.text("side").upper(), node.text("kind").upper()
    if side not in _SIDES or sort not in _KINDS or node.text("method") or node.args.get("hint"):
        raise NotPortable("This kind of join is not portable to Spark.", hint="Use JOIN … ON.")


def _group(node: exp.Expr, kinds: Kinds) -> None:
    for name, node_type in (
        ("rollup", exp.Rollup()),
        ("cube", exp.Cube()),
        ("grouping_sets", exp.GroupingSets()),
    ):
        if node.args.get(name):
            raise refused(node_type)


def _with(node: exp.Expr, kinds: Kinds) -> None:
    if node.args.get("recursive"):
        raise NotPortable("A recursive query is not portable to Spark.")


def _table(node: exp.Expr, kinds: Kinds) -> None:
    extra = {name for name, value in node.args.items() if value} - {
        "this",
        "alias",
        "db",
        "catalog",
    }
    if extra or not isinstance(node.this, exp.Identifier):
        raise NotPortable("Only views can be read.")


def _identifier(node: exp.Expr, kinds: Kinds) -> None:
    if _NAME.fullmatch(str(node.this)) is None:
        raise NotPortable("A name in the query has characters that Spark may read differently.")


def _literal(node: exp.Expr, kinds: Kinds) -> None:
    text = str(node.this)
    if "\\" in text or "${" in text or not text.isprintable():
        raise NotPortable(
            "A string holds characters that Spark reads differently: \\, ${ or a control."
        )
    if not node.is_string and not re.fullmatch(r"\d{1,38}|\d*\.\d+|\d+\.?\d*([eE][+-]?\d+)?", text):
        raise NotPortable("A number is written in a form that is not portable.")
    if not node.is_string and "e" not in text.lower() and len(text) > 37:
        raise NotPortable("A number has more digits than Spark can hold.")


def _alike(node: exp.Expr, kinds: Kinds) -> None:
    operands = [node.args.get(name) for name in ("this", "expression", "low", "high")]
    if not isinstance(node, exp.Is):
        compare([each for each in operands if each is not None], kinds)


def _in(node: exp.Expr, kinds: Kinds) -> None:
    if node.args.get("unnest") or node.args.get("field"):
        raise NotPortable("IN takes a list of values or a subquery.")
    query = node.args.get("query")
    if isinstance(node.this, exp.Tuple):
        raise NotPortable("IN over several columns is not portable.", hint="Join, or use AND.")
    compare([node.this, *([query] if query is not None else node.expressions)], kinds)


def compare(operands: list[exp.Expr], kinds: Kinds) -> None:
    """Raise NotPortable unless the operands are of one kind; an ISO day may be a day."""
    found = [kinds.of(each) for each in operands]
    if kind.DATE in found or kind.TIMESTAMP in found:
        found = [
            kind.DATE if _is_day(each) else one for each, one in zip(operands, found, strict=True)
        ]
    kinds.common(found)


def _is_day(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and bool(ISO_DAY.fullmatch(node.this))


def _case(node: exp.Expr, kinds: Kinds) -> None:
    if node.this is not None:
        compare([node.this, *(each.this for each in node.args["ifs"])], kinds)


def _one_argument(node: exp.Expr, kinds: Kinds) -> None:
    inner = node.this
    many = isinstance(inner, exp.Distinct) and len(inner.expressions) > 1
    if node.expressions or many or kinds.of(inner) == kind.INTERVAL:
        raise NotPortable("An aggregate takes one argument here.")


def _numbers(node: exp.Expr, kinds: Kinds) -> None:
    for each in (node.this, node.args.get("expression")):
        if each is not None and kinds.of(each) not in (*kind.NUMBERS, kind.NULL):
            raise NotPortable(f"`{type(node).__name__}` takes numbers only.", hint="Cast first.")


def _integers(node: exp.Expr, kinds: Kinds) -> None:
    if kinds.of(node.this) != kind.INTEGER or kinds.of(node.expression) != kind.INTEGER:
        raise NotPortable("`//` is portable between integers only.", hint="Use floor(a / b).")


def _round(node: exp.Expr, kinds: Kinds) -> None:
    _numbers(node, kinds)
    decimals = node.args.get("decimals")
    places = 0 if decimals is None else whole(decimals)
    if places is None or not -15 <= places <= 15 or node.args.get("truncate"):
        raise NotPortable("round takes a whole number of digits, at most 15.")


def _median(node: exp.Expr, kinds: Kinds) -> None:
    share = node.args.get("expression")
    if isinstance(node.this, exp.Distinct) or kinds.of(node.this) not in kind.NUMBERS:
        raise NotPortable("Only medians and quantiles of numbers are portable.")
    text = "0.5" if share is None else str(share.this)
    if share is not None and (not isinstance(share, exp.Literal) or share.is_string):
        raise NotPortable("A quantile's share must be one number.", hint="Ask for one at a time.")
    if kinds.of(node.this) != kind.DECIMAL:
        return
    if float(text) != 0.5 or id(node.this) not in kinds.scales:
        raise NotPortable(
            "Quantiles of decimals, but for the median of a column, are cut differently.",
            hint="Cast to DOUBLE first: quantile_cont(x::DOUBLE, 0.9).",
        )


_CASTS: Mapping[str, frozenset[str]] = {
    kind.INTEGER: frozenset({*kind.NUMBERS, kind.TEXT, kind.BOOLEAN}),
    kind.DECIMAL: frozenset({*kind.NUMBERS, kind.TEXT}),
    kind.DOUBLE: frozenset({kind.DOUBLE, kind.INTEGER}),
    kind.BOOLEAN: frozenset({kind.BOOLEAN, kind.INTEGER, kind.DOUBLE, kind.TEXT}),
    kind.DATE: frozenset({kind.DATE, kind.TIMESTAMP, kind.TEXT}),
    kind.TIMESTAMP: frozenset({kind.DATE, kind.TIMESTAMP}),
    kind.TEXT: frozenset({kind.TEXT}),
}


def _cast(node: exp.Expr, kinds: Kinds) -> None:
    before, after = kinds.of(node.this), kinds.of(node)
    if before == kind.NULL or after in _CASTS.get(before, ()):
        return
    if after == kind.DATE and _is_day(node.this):
        return
    raise NotPortable(
        f"A cast from {before} to {after} differs in Spark.", hint="Leave it to your own program."
    )


def _substring(node: exp.Expr, kinds: Kinds) -> None:
    start, length = whole(node.args.get("start")), node.args.get("length")
    _text(node, kinds)
    if start is None or start < 1 or (length is not None and (whole(length) or -1) < 0):
        raise NotPortable("substr takes a start from 1 on and a length, written as numbers.")


def _left(node: exp.Expr, kinds: Kinds) -> None:
    _text(node, kinds)
    if (whole(node.expression) or 0) < 1:
        raise NotPortable("left and right take a number from 1 on.")


def _text(node: exp.Expr, kinds: Kinds) -> None:
    if kinds.of(node.this) not in (kind.TEXT, kind.NULL):
        raise NotPortable(f"`{type(node).__name__}` takes text only.", hint="Cast to VARCHAR.")


def _trim(node: exp.Expr, kinds: Kinds) -> None:
    _text(node, kinds)
    if node.args.get("expression") is not None or node.args.get("collation"):
        raise NotPortable("trim is portable for spaces only.")


def _pieces(node: exp.Expr, kinds: Kinds) -> None:
    _text(node, kinds)
    what = [node.args.get(name) for name in ("expression", "delimiter")]
    given = next((each for each in what if each is not None), None)
    if not isinstance(given, exp.Literal) or not given.is_string or not given.this:
        raise NotPortable("What to look for must be written as a string that is not empty.")
    index = node.args.get("part_index")
    if index is not None and (whole(index) or 0) < 1:
        raise NotPortable("split_part counts from 1 on.")


def _like(node: exp.Expr, kinds: Kinds) -> None:
    _text(node, kinds)
    if not isinstance(node.expression, exp.Literal) or not node.expression.is_string:
        raise NotPortable("A pattern of LIKE must be written as a string.")


def _texts(node: exp.Expr, kinds: Kinds) -> None:
    if {kinds.of(node.this), kinds.of(node.expression)} - {kind.TEXT, kind.NULL, kind.INTEGER}:
        raise NotPortable("|| joins text and integers only.", hint="Cast to VARCHAR.")


def _interval(node: exp.Expr, kinds: Kinds) -> None:
    count = node.this
    digits = isinstance(count, exp.Literal) and re.fullmatch(r"-?\d{1,6}", str(count.this))
    if not digits or unit(node) not in _UNITS:
        raise NotPortable("An INTERVAL is a whole number of days, weeks, months or years.")
    if not isinstance(node.parent, exp.Add | exp.Sub):
        raise NotPortable("An INTERVAL is added to a date, nothing else.")


def _of_dates(node: exp.Expr, kinds: Kinds) -> None:
    dates = [node.this, node.args.get("expression")]
    if isinstance(node, exp.Extract):
        dates = [node.expression]
    wrong = [each for each in dates if each is not None and kinds.of(each) != kind.DATE]
    named = isinstance(node, exp.Extract) or node.args.get("unit") is not None
    if wrong or (named and unit(node) not in _UNITS):
        raise NotPortable("Only years, quarters, months, weeks and days of DATEs are portable.")
    if isinstance(node, exp.Extract | exp.DateDiff) and unit(node) == "WEEK":
        raise NotPortable("Weeks are counted differently.", hint="Use date_trunc('week', …).")


_RULES: Mapping[type[exp.Expr], Callable[[exp.Expr, Kinds], None]] = {
    exp.Select: _select, exp.Union: _set_operation, exp.Except: _set_operation,
    exp.Intersect: _set_operation, exp.Join: _join, exp.Group: _group, exp.With: _with,
    exp.Table: _table, exp.Identifier: _identifier, exp.Literal: _literal, exp.In: _in,
    exp.Case: _case, exp.Count: _one_argument, exp.Min: _one_argument, exp.Max: _one_argument,
    exp.Sum: _one_argument, exp.Div: _numbers, exp.Avg: _numbers, exp.Mod: _numbers,
    exp.Abs: _numbers, exp.Sqrt: _numbers, exp.Exp: _numbers, exp.Pow: _numbers, exp.Ln: _numbers,
    exp.Floor: _numbers, exp.Ceil: _numbers, exp.Stddev: _numbers, exp.StddevSamp: _numbers,
    exp.StddevPop: _numbers, exp.Variance: _numbers, exp.VariancePop: _numbers,
    exp.IntDiv: _integers, exp.Round: _round, exp.Median: _median, exp.PercentileCont: _median,
    exp.Cast: _cast, exp.TryCast: _cast, exp.Substring: _substring, exp.Left: _left,
    exp.Right: _left, exp.Length: _text, exp.Upper: _text, exp.Lower: _text, exp.Trim: _trim,
    exp.Replace: _pieces, exp.SplitPart: _pieces, exp.Like: _like, exp.ILike: _like,
    exp.DPipe: _texts, exp.Interval: _interval, exp.Year: _of_dates, exp.Month: _of_dates,
    exp.Day: _of_dates, exp.Quarter: _of_dates, exp.Extract: _of_dates, exp.DateDiff: _of_dates,
    exp.TimestampTrunc: _of_dates, exp.DateTrunc: _of_dates,
    exp.StartsWith: _text, exp.EndsWith: _text, exp.Contains: _text,
}  # fmt: skip
