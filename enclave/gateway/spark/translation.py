"""Spark's words for what DuckDB means, where the same words would mean something else.

Works on a tree that every rule has passed, from its leaves up. Each translation is exact; the
reason stands beside it. Never decides what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from sqlglot import exp

from enclave.gateway.spark import kinds as kind
from enclave.gateway.spark.kinds import Kinds
from enclave.gateway.spark.review import review
from enclave.gateway.spark.rules import ISO_DAY, unit, whole

FAR = "9007199254740992E0"  # 2^53: beyond it every double is a whole number


def translate(tree: exp.Query, kinds: Kinds) -> None:
    """Rewrite the tree in place, in Spark's terms."""
    for step in tree.find_all(exp.CTE):
        step.set("materialized", None)  # how often a step is computed; Spark has no word for it
    for node in reversed(list(tree.walk())):
        rule = _TRANSLATIONS.get(type(node))
        if rule is not None:
            new = rule(node, kinds)
            if new is not node:
                kinds.known[id(new)] = kinds.known[id(node)]
                _kept.append(node)
                node.replace(new)


_kept: list[exp.Expr] = []


def _double(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Cast) and node.to.this == exp.DType.DOUBLE:
        return node
    return exp.cast(node, "DOUBLE")


def _number(text: str) -> exp.Expr:
    return exp.Literal.number(text)


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _when(condition: exp.Expr, then: exp.Expr, otherwise: exp.Expr | None) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


def _div(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Divide doubles; by zero ±infinity or NaN: power(±0, -1) is ±infinity in both."""
    above, below = _double(node.this.copy()), _double(node.expression.copy())
    quotient = exp.Div(this=above, expression=below)
    if (whole(node.expression) or 0) != 0 or isinstance(node.expression, exp.Nullif):
        return exp.paren(quotient)
    by_zero = above.copy() * exp.Pow(this=below.copy(), expression=_number("-1E0"))
    return _when(exp.EQ(this=below.copy(), expression=_number("0E0")), by_zero, quotient)


def _avg(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Of decimals: the exact sum by the count. Spark's own would round to four more digits."""
    if kinds.of(node.this) != kind.DECIMAL:
        return node
    top = _top(node)
    total = _in_place(node, top, exp.Sum(this=node.this.copy()))
    count = _in_place(node, top, exp.Count(this=node.this.copy(), big_int=True))
    share = exp.Div(
        this=_double(total),
        expression=_double(exp.Nullif(this=count, expression=_number("0"))),
    )
    return _put(node, top, exp.paren(share), kinds)


def _median(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Call the exact `percentile`; of a column of decimals over whole cents, cut as DuckDB cuts."""
    share = node.args.get("expression") or _number("0.5")
    if kinds.of(node.this) != kind.DECIMAL:
        return _call("percentile", _double(node.this.copy()), share.copy())
    scale = kinds.scales[id(node.this)]
    cents = exp.cast(node.this.copy() * _number("1" + "0" * scale), "BIGINT")
    top = _top(node)
    middle = _in_place(node, top, _call("percentile", cents, share.copy()))
    one = exp.cast(
        _number("0." + "0" * (scale - 1) + "1" if scale else "1"), f"DECIMAL({scale + 1}, {scale})"
    )
    return _put(node, top, exp.paren(exp.cast(middle, "BIGINT") * one), kinds)


def _top(node: exp.Expr) -> exp.Expr:
    """Return an aggregate with the FILTER and OVER around it."""
    top = node
    while isinstance(top.parent, exp.Filter | exp.Window) and top.parent.this is top:
        top = top.parent
    return top


def _in_place(node: exp.Expr, top: exp.Expr, new: exp.Expr) -> exp.Expr:
    """Return a copy of `top` in which `new` stands for the aggregate."""
    if node is top:
        return new
    copy = top.copy()
    inner = copy
    while isinstance(inner.this, exp.Filter | exp.Window):
        inner = inner.this
    inner.set("this", new)
    return copy


def _put(node: exp.Expr, top: exp.Expr, new: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Put `new` where the aggregate with all around it stood."""
    kinds.known[id(new)] = kinds.known[id(node)]
    if node is top:
        return new
    _kept.append(top)
    top.replace(new)
    return node


def _round(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Of doubles: multiply, round, divide, as DuckDB does; Spark rounds the printed digits."""
    decimals = node.args.get("decimals")
    places = 0 if decimals is None else whole(decimals) or 0
    if kinds.of(node.this) != kind.DOUBLE or not places:
        return node
    power = _number(f"1E{abs(places)}")
    steps = (exp.Mul, exp.Div) if places > 0 else (exp.Div, exp.Mul)
    scaled = exp.paren(steps[0](this=exp.paren(node.this.copy()), expression=power))
    rounded = exp.Round(this=scaled, decimals=_number("0"))
    return exp.paren(steps[1](this=rounded, expression=power.copy()))


def _floor(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Of doubles: stay a double; Spark's becomes a BIGINT, which cannot hold them all."""
    if kinds.of(node.this) != kind.DOUBLE:
        return node
    value = exp.paren(node.this.copy())
    near = exp.LT(this=exp.Abs(this=value), expression=_number(FAR))
    return _when(near, _double(type(node)(this=value.copy())), value.copy())


def _ln(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Of zero minus infinity, below NaN; Spark's is NULL."""
    value = _double(node.this.copy())
    zero = _number("0E0")
    return exp.Case(
        ifs=[
            exp.If(this=exp.GT(this=value, expression=zero), true=exp.Ln(this=value.copy())),
            exp.If(
                this=exp.EQ(this=value.copy(), expression=zero.copy()),
                true=exp.cast(exp.Literal.string("-Infinity"), "DOUBLE"),
            ),
            exp.If(
                this=exp.LT(this=value.copy(), expression=zero.copy()),
                true=exp.cast(exp.Literal.string("NaN"), "DOUBLE"),
            ),
        ]
    )


def _sqrt(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    node.set("this", _double(node.this.copy()))
    return node


def _cast(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """DuckDB rounds to whole numbers, decimals away from zero, doubles to even; Spark cuts."""
    before, after = kinds.of(node.this), kinds.of(node)
    if after == kind.DECIMAL and not node.args["to"].expressions:
        node.set("to", exp.DataType.build("DECIMAL(18, 3)"))  # DuckDB's default
    if after == kind.TEXT:
        node.set("to", exp.DataType.build("TEXT"))  # DuckDB heeds no length
    if after == kind.INTEGER and before == kind.DECIMAL:
        node.set("this", exp.Round(this=node.this.copy(), decimals=_number("0")))
    if after == kind.INTEGER and before == kind.DOUBLE:
        node.set("this", _call("rint", node.this.copy()))
    return node


def _add(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Days between dates; whole days on; a date and an interval are a timestamp."""
    left, right = kinds.of(node.this), kinds.of(node.expression)
    if left == right == kind.DATE:
        return exp.cast(_call("datediff", node.this.copy(), node.expression.copy()), "BIGINT")
    if left == kind.DATE and right == kind.INTEGER:
        name = "date_add" if isinstance(node, exp.Add) else "date_sub"
        return _call(name, node.this.copy(), exp.cast(node.expression.copy(), "INT"))
    if left == kind.DATE and right == kind.INTERVAL:
        node.set("this", exp.cast(node.this.copy(), "TIMESTAMP"))
    return node


def _interval(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    count, name = int(str(node.this.this)), unit(node)
    if name == "QUARTER":
        count, name = count * 3, "MONTH"
    return exp.Interval(this=exp.Literal.string(str(count)), unit=exp.var(name))


def _date_diff(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Whole days, or how many borders of months, quarters and years lie between."""
    late, early, name = node.this, node.expression, unit(node)
    if name == "DAY":
        return exp.cast(_call("datediff", late.copy(), early.copy()), "BIGINT")
    return exp.paren(_ordinal(late, name) - _ordinal(early, name))


def _ordinal(date: exp.Expr, name: str) -> exp.Expr:
    year = exp.Year(this=date.copy())
    if name == "YEAR":
        return year
    part, count = (exp.Month, "12") if name == "MONTH" else (exp.Quarter, "4")
    return exp.paren(exp.paren(year * _number(count)) + part(this=date.copy()))


def _truncate(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Of a date: a timestamp."""
    name = unit(node)
    day = node.this.copy()
    cut = day if name == "DAY" else _call("trunc", day, exp.Literal.string(name))
    return exp.cast(cut, "TIMESTAMP")


def _make_date(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    parts = [exp.cast(node.args[name].copy(), "INT") for name in ("year", "month", "day")]
    return _call("make_date", *parts)


def _letters(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Upper or lower case where both engines agree; elsewhere the query ends with a sentence."""
    text = node.this
    if isinstance(text, exp.Literal) and str(text.this).isascii():
        return node
    fine = exp.RegexpLike(this=text.copy(), expression=exp.Literal.string(f"^[{_class()}]*$"))
    stop = _call("raise_error", exp.Literal.string("letters"))
    return exp.Case(
        ifs=[
            exp.If(this=exp.Is(this=text.copy(), expression=exp.null()), true=exp.null()),
            exp.If(this=fine, true=node.copy()),
        ],
        default=stop,
    )


@cache
def _class() -> str:
    """Return the ranges of a class of letters; no end of one means anything to a pattern."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in review().letters)


def _count_if(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """NULL where no row says yes or no, as DuckDB; Spark's is zero."""
    yes = exp.If(this=node.this.copy(), true=_number("1"))
    no = exp.If(this=exp.Not(this=exp.paren(node.this.copy())), true=_number("0"))
    return exp.Sum(this=exp.Case(ifs=[yes, no]))


def _ilike(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """LIKE between lower-case texts."""
    pattern = node.expression.copy()
    lower = exp.Lower(this=node.this.copy())
    other = exp.Lower(this=pattern)
    return exp.Like(this=_letters(lower, kinds), expression=_letters(other, kinds))


def _days(node: exp.Expr, kinds: Kinds) -> exp.Expr:
    """Compare days with days: a string beside a date is one, as in DuckDB."""
    operands = [node.args.get(name) for name in ("this", "expression", "low", "high")]
    every = [each for each in (*operands, *node.expressions) if isinstance(each, exp.Expr)]
    if not any(kinds.known.get(id(each)) in (kind.DATE, kind.TIMESTAMP) for each in every):
        return node
    for each in every:
        if isinstance(each, exp.Literal) and each.is_string and ISO_DAY.fullmatch(str(each.this)):
            each.replace(exp.cast(each.copy(), "DATE"))
    return node


_TRANSLATIONS: Mapping[type[exp.Expr], Callable[[exp.Expr, Kinds], exp.Expr]] = {
    exp.CountIf: _count_if,
    exp.Div: _div, exp.Avg: _avg, exp.Median: _median, exp.PercentileCont: _median,
    exp.Round: _round, exp.Floor: _floor, exp.Ceil: _floor, exp.Ln: _ln, exp.Sqrt: _sqrt,
    exp.Cast: _cast, exp.TryCast: _cast, exp.Add: _add, exp.Sub: _add, exp.Interval: _interval,
    exp.DateDiff: _date_diff, exp.TimestampTrunc: _truncate, exp.DateTrunc: _truncate,
    exp.DateFromParts: _make_date, exp.Upper: _letters, exp.Lower: _letters, exp.ILike: _ilike,
    exp.EQ: _days, exp.NEQ: _days, exp.GT: _days, exp.GTE: _days, exp.LT: _days, exp.LTE: _days,
    exp.NullSafeEQ: _days, exp.NullSafeNEQ: _days, exp.Between: _days, exp.In: _days,
}  # fmt: skip
