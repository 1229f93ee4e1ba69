"""What a column's name says it holds, read as words: a count, a share, an extreme, a person.

`Employment rate (%)`, `employment_rate` and `employmentRate` are the same three words. Guesses, for
`precheck`: a name is only ever a reason to ask.
"""

from __future__ import annotations

import re
from functools import lru_cache


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


PEOPLE = _set(
    """people persons students pupils graduates workers completers participants respondents
    patients children women men boys girls adults veterans members recipients claimants
    enrollees learners apprentices employees teachers families households individuals
    residents observations clients customers mothers fathers parents infants seniors youths
    freshmen applicants trainees interns candidates inmates prisoners offenders victims
    defendants immigrants refugees tenants nurses subjects deaths births kids teens minors infants
    toddlers newborns siblings twins youth obs caregivers widows dropouts leavers alumni doctors"""
)
_COUNTS = PEOPLE | _set(
    """n nobs count counts freq frequency obs headcount headcounts enrolled enrollment enrolment
    completions awards jobs events cases risk nrisk nevent observed died deceased arrested convicted
    incarcerated hospitalized diagnosed infected pregnant homeless deported hired served exited
    graduated retained"""
)
# Of money or time these count nobody; nor does the size of a household.
_SIZES = _set("number num total sample #")
_SIZED = _set("size sample group cell cohort")
_TALLIES = _set("n nobs count counts obs observations freq frequency num number sample #")
_DERIVED = _set(
    """mean avg average median rate rates pct percent percentage % share shares ratio odds sd std
    stddev variance var proportion proportions prop gini coefficient coef estimate estimates
    correlation corr index score probability prob survival growth change per quantile hazard
    effect difference diff se"""
)
_PARTS = _set("pct percent percentage % share shares proportion prop rate")
_NO_PART = _set(
    """se sd std ci lower upper low high lo hi error hourly wage wages pay tax interest
    attendance exchange per response"""
)
_CHANGE = re.compile(
    r"chang|growth|diff|gap|delta|increas|decreas|premium|effect|error|inflation", re.IGNORECASE
)
_AMOUNTS = _set(
    """wage wages pay earnings salary income benefit benefits dollars usd hours days weeks months
    quarters years hour day week month quarter year time age grade level rank place order step
    credits credit terms gpa points code id fips naics cip zip zip3 soc lag horizon model dof
    df campuses schools sections tenure decile quartile quintile quantile percentile bin"""
)
_OTHER_THINGS = _set(
    """controls lags bins models periods waves chapters covariates parameters knots folds levels
    iterations groups clusters cells tables pages items counties towns districts regions states
    sites programs courses variables sources series firms status class gross basis"""
)
_MONEY = _set("wage wages pay earnings salary salaries income incomes benefit")
_EXTREMES = _set(
    """max min maximum minimum largest smallest highest lowest top bottom mode oldest youngest
    longest shortest earliest latest biggest p0 p00 p1 p01 p99 p100"""
)
# What an algorithm may do at most: of its settings, not of anybody's values.
_SETTINGS = _set(
    """depth samples leaf leaves iter iterations features epochs rounds splits tokens bins length
    lags df delta weight batch candidates"""
)
# Of machines, prices and code lists: numbers with decimals, and of nobody.
_OF_NOBODY = _set(
    """seconds milliseconds ms minutes gigabytes gb megabytes mb kb bytes memory ram cpu runtime cpi
    deflator deflators code codes cip soc naics fips icd cpt isced isco version loss importance"""
)
# What was done to a number, or is of no person.
_OF_NUMBERS = _set(
    """weighted unweighted predicted adjusted unadjusted estimated imputed standardized standardised
    normalized normalised scaled pooled expected observed fixed mixed clustered earned worked
    attempted elapsed need red speed seed based smoothed lagged fitted used required allowed
    funded spent completed"""
)
_RUNNING = _set("cumulative cumulated cum running remaining")
_OUTERMOST = _set("first 1 1st 0 99 99th ninety 100 100th hundredth")
_WHOSE = (
    "person|student|pupil|client|patient|case|record|respondent|employee|worker|participant|member|"
    "teacher|parent|guardian|mother|father|child|learner|claimant|applicant|inmate|medicaid|"
    "subject|beneficiary|owner|manager|license|licence|account|passport|badge"
)
_PERSON = re.compile(
    rf"({_WHOSE}) (id|key|no|number|code|hash|identifier|name)|(sas|ss|mr|ui|case|client|member)id|"
    r"(.* )?(ssn|itin|tin|mrn|npi|ein|fein|dob|pid|uuid|guid|guardian|phone|telephone)( .*)?|"
    r"(full|first|last|sur|middle|maiden|given|family|fore) ?names?|e ?mails?( address)?|"
    r"((home|street|mailing|postal|ip|mac) )?address|(date of birth|birth ?dates?|birth ?days?)|"
    r"dates? of (death|arrest|admission|discharge|hire|diagnosis|injury)|(licen[cs]e )plates?|"
    r"(death|arrest|admission|discharge|hire|diagnosis|injury|entry|exit|visit) dates?|"
    r"(row|record|instance|example|(batch|test|data) (item|point|row))( (id|no|nr|number|index))?|"
    r"(.* )?(latitude|longitude|lat|lon|lng)|(std |standardi[sz]ed )?residuals?"
)
_IN_SYMBOLS = re.compile(r"[%#]")
_SPLIT = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9%#]+")
_CALLED_EXTREME = re.compile(r"(max|min|mode|first|last|any_value|arg_max|arg_min)\(.*", re.I)
_CALLED_COUNT = re.compile(r"count(_star)?\(.*", re.IGNORECASE)
_CALLED_DERIVED = re.compile(r"(avg|mean|median|stddev|quantile\w*)\(.*", re.IGNORECASE)
_PERCENTILE = re.compile(r"[pq]\d{1,2}")
_STATED = re.compile(r"\(?\b[nN] ?= ?\d[\d,]*\)?")


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Return a name's words in small letters; %, # are words, `(N=412)` is none."""
    plain = _IN_SYMBOLS.sub(r" \g<0> ", _STATED.sub(" ", name[:200]))
    return tuple(word.lower() for word in _SPLIT.split(plain) if word)


def is_count(name: str) -> bool:
    """Say whether a name is that of a number of people or rows."""
    if _CALLED_COUNT.fullmatch(name):
        return True
    said = words(name)
    counts = any(word in _COUNTS for word in said) or said[:1] == ("no",)
    sizes = any(word in _SIZES for word in said) and not is_amount(name)
    counts = counts or _is_of_those(said)
    sizes = sizes or ("size" in said and _SIZED.issuperset(said))
    return (counts or sizes) and not is_derived(name)


def _is_of_those(said: tuple[str, ...]) -> bool:
    """Say whether a name is what became of people: `reunified`, `ever suspended`."""
    became = said[-1:] and re.fullmatch(r"[a-z]{3,}ed", said[-1])
    return bool(became) and len(said) < 3 and _OF_NUMBERS.isdisjoint(said)


def is_tally(name: str) -> bool:
    """Say whether a row's label says that the row counts; `Women` is only who it is about."""
    return not is_derived(name) and any(word in _TALLIES for word in words(name))


def is_plural(name: str) -> bool:
    """Say whether a name is that of things which may be one or more to a person: falls, visits."""
    last = words(name)[-1:]
    other = is_amount(name) or is_derived(name) or not _OTHER_THINGS.isdisjoint(last)
    return not other and any(re.fullmatch(r"[a-z]+[^us]s", word) for word in last)


def is_derived(name: str) -> bool:
    """Say whether a name is that of a mean, rate, share or estimate."""
    if _CALLED_DERIVED.fullmatch(name):
        return True
    said = words(name)
    ratio = said in (("or",), ("hr",), ("rr",))
    return ratio or any(word in _DERIVED or _PERCENTILE.fullmatch(word) for word in said)


def is_share(name: str) -> bool:
    """Say whether a name is that of a part of a group, and not of a change of one or its error."""
    said = words(name)
    parts = any(word in _PARTS for word in said)
    return parts and not _CHANGE.search(name) and not any(word in _NO_PART for word in said)


def is_amount(name: str) -> bool:
    """Say whether a name is that of money, time, a place in an order or a code."""
    return any(word in _AMOUNTS for word in words(name))


def is_extreme(name: str) -> bool:
    """Say whether a name is that of a value that one person has alone."""
    if _CALLED_EXTREME.fullmatch(name) or name.strip() in ("0%", "100%"):
        return True
    said = words(name)
    if is_setting(name):
        return False
    if not {"percentile", "centile"}.isdisjoint(said) and not _OUTERMOST.isdisjoint(said):
        return True
    return any(word in _EXTREMES for word in said)


def is_percentile(name: str) -> bool:
    """Say whether a name is that of a percentile: of the value of one or two persons, if exact."""
    said = words(name)
    named = not {"median", "percentile", "decile", "quartile", "quantile"}.isdisjoint(said)
    return (named or any(map(_PERCENTILE.fullmatch, said))) and not is_count(name)


def is_running(name: str) -> bool:
    """Say whether each number below a name counts on from the one before: cumulative, at risk."""
    said = words(name)
    return not _RUNNING.isdisjoint(said) or said[-2:] == ("at", "risk")


def is_setting(name: str) -> bool:
    """Say whether a name is that of what an algorithm may do at most: `max_depth`."""
    return not _SETTINGS.isdisjoint(words(name)) and not is_money(name)


def is_of_nobody(name: str) -> bool:
    """Say whether a name is that of a machine's numbers, a price index or a code list."""
    return not _OF_NOBODY.isdisjoint(words(name))


def is_of_a_person(name: str) -> bool:
    """Say whether a name is that of what tells one person from all others."""
    return bool(_PERSON.fullmatch(" ".join(words(name))))


def is_money(name: str) -> bool:
    """Say whether a name is that of somebody's money, or of money added up."""
    return any(word in _MONEY for word in words(name))
