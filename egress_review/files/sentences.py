"""What a sentence tells of a few people: `nine pupils`, `n = 4`, the highest wage there is.

Guesses from words, line by line, for texts and the comments of code. A sentence about rules
(`fewer than 10 people are not shown`) and one about anybody (`8 of 10 graduates`) tells nothing.
"""

from __future__ import annotations

import re

from egress_review.files.headings import PEOPLE
from egress_review.files.looks import NUMBER_WORDS

FEW = 10  # whatever an agency asks for, fewer are few
_SMALL = [word for word, number in NUMBER_WORDS.items() if 2 <= number < FEW]
_WHO = "|".join(sorted(PEOPLE))
_ONE = "|".join(sorted({one.removesuffix("s") for one in PEOPLE} | {"person", "child", "man"}))
_COUNTED = re.compile(
    rf"(?<![\w.,$-])(?:[2-9]|{'|'.join(_SMALL)}) "
    rf"(?:(?!of\b|or\b|per\b|and\b|to\b)[a-z-]{{1,25}}(?<!s) )?(?:{_WHO})\b(?!['\u2019])"
    r"(?P<after>(?: \w+)?)",
    re.IGNORECASE,
)
_ANY_TWO = re.compile(r"two (people|persons|individuals)\b", re.IGNORECASE)  # of any, mostly
BEFORE = 40  # characters that may say what a number is
_BRACKETED = re.compile(rf"\b(?:{_WHO}) ?\((?:n ?= ?)?[2-9]\)", re.IGNORECASE)
_ALONE = re.compile(
    rf"\b(?:only|just|exactly) (?:one|1) (?:[a-z-]{{1,25}} )?(?:{_ONE})\b"
    rf"|\b(?:single|lone|sole) (?:{_ONE}) (?:from|in|at|of|who|with)\b|\bthe one who\b"
    rf"|\bone (?:{_ONE}), (?:who|aged|an?)\b"
    rf"|\b(?:{_ONE}) aged \d{{1,2}}(?! ?(?:or|to|and|through|years? or|[-+\u2013<>]))\b",
    re.IGNORECASE,
)
# What comes before a number that is a bound, a place, a rate or an example, and after such ones.
_NOT_BEFORE = re.compile(
    r"\b(than|least|most|under|below|over|above|minimum|maximum|min|max|to|up|per|every|each|"
    r"grades?|years?|levels?|of|in|threshold|or|if|when|with|first|last|about|averaged?|<|>|≥|≤)"
    r"[ (]+(the )?$",
    re.IGNORECASE,
)
_OF_THE = re.compile(
    r"\bof (the|these|those|our|all) $|\b(total|group|sample|class|cohort|consist(s|ed)?) of $",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r" (per|each|every|on|or|checked|reviewed|read|wrote|coded|signed|approved|looked|at)$",
    re.IGNORECASE,
)
_STATED = re.compile(r"(?<![\w=<>!-])n ?= ?([1-9])(?![\d,.%]*\d)", re.IGNORECASE)
_MODEL_OF = re.compile(r"\b(?:observations|obs|df residuals|nobs)\.? ?[:=] *([1-9])(?![\d,])", re.I)
_AT_RISK = re.compile(r"\b(?:at risk|n\.risk|events?)[:=]? [1-9](?![\d,.]*\d|%)", re.IGNORECASE)
_EXTREME = re.compile(
    r"\b(highest|lowest|largest|smallest|maximum|minimum|max|min|top|ranged?s?)\b"
    r"[^.;]{0,60}?[^\d.]((\d[\d,]*\d\.\d+|\d[\d,]{3,}\d))",
    re.IGNORECASE,
)
_OF_THE_FIRST = re.compile(
    rf"\b(?:highest|lowest|best|top|richest)(?:[- ]paid)? (?:earner|{_ONE})\b"
    r"[^.;]{0,60}?(\$|\d{2,}[,\d]|\d(\.\d+)? (thousand|million))",
    re.IGNORECASE,
)
_OF_GROUPS = re.compile(
    r"\b(mean|average|median|rate|share|percent|minimum wage|total|sum|n|counties|number)\b|%",
    re.IGNORECASE,
)
_MIN, _MAX = (re.compile(rf"(?<![\w.(]){word}\b(?!\()", re.IGNORECASE) for word in ("min", "max"))
_LABELLED = re.compile(
    r"\W*(?:min|max)(?:imum)?\.? *[:=]? *[-$]?\d(?:[\s\d.,:$e+-]|min\b|max\b)*", re.IGNORECASE
)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[a-z]{2,}", re.IGNORECASE)
_SOMEBODY = re.compile(rf"\b({_ONE})\b(?! (services|affairs|success|aid))", re.IGNORECASE)
_PLACE = re.compile(r"(?<![\d.])-?\d{1,2}\.\d{4,}°?[NS]? ?[,;] ?-?\d{1,3}\.\d{4,}(?!\d)")
_CHOSEN = re.compile(
    r"(?:\b|_)(?:(?:person|student|pupil|patient|client|sas|ss|case|participant|respondent|child|"
    r"member)_?id|(?<!_)id)\b[^\w\n]{0,4}(?:==?|in\b|%in%|:)[^\w\n]{0,6}(?:c|list|array)?"
    r"[^\w\n]{0,3}(?:[A-Za-z]{0,4}\d{4,}|(?<=['\"])(?=[\w-]*\d[\w-]*\d)[\w-]{6,})",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?<![\w.])[A-Z]{0,3}\d{9,12}(?![\w.])")
_OF_WHOM = re.compile(
    rf"(?<![\d.,])(\d[\d,]{{0,9}}) (?:[a-z-]{{1,25}} ){{0,2}}(?:{_WHO})\b[^.;\n]{{0,80}}?(?<![\d.])"
    r"(\d{1,3}(?:\.\d{1,3})?) ?(?:%|per ?cent)"
    r"(?! ?\)? ?(?:ci\b|confiden|power|interval|level|cred))",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    rf"\b(?:{'|'.join(_SMALL)}|[2-9]) (?:others|remaining|left over|exceptions)\b"
    rf"|\b(?:other|remaining) (?:{'|'.join(_SMALL)}|[2-9])(?! ?[%\w-])",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"\b(?:suppressed|masked|redacted|withheld|hidden|small) (?:cells?|counts?|numbers?|values?)\b"
    r"[^.\n]{0,120}?(?:=|\bis|\bare|\bwas|\bwere) ?[1-9](?![\d,.%]*\d)",
    re.IGNORECASE,
)
_COUNTS_LISTED = re.compile(
    r"(?:leaf|cluster|group|class|cell|node|bin|case|person|sample)[ _](?:counts?|sizes?) ?[:=] ?"
    r"[\[(]?((?:\d{1,9}[ ,;]{1,3}){1,99}\d{1,9})",
    re.IGNORECASE,
)
_FAILED_ON = re.compile(
    r"(?:could not|cannot|can.t|unable to|failed to) (?:\w+ ){0,2}?(?:convert|parse|cast|read|"
    r"interpret|match|decode)\b[^'\"\n]{0,60}['\"][^'\"\n]{2,}['\"]"
    r"|\b(?:Key|Value|Integrity|Conversion|Constraint)\w*(?:Error|Exception)?: ?[({\[]?\W{0,2}"
    r"['\"{(][^\n]{0,60}\d[^\n]*",
    re.IGNORECASE,
)
_OF_A_MODEL = re.compile(
    r"\b(?:samples?|support|leaf size|cluster size|tp|fp|tn|fn|true positives?|false positives?|"
    r"true negatives?|false negatives?) ?[:=] ?[1-9](?![\d,.%]*\d)",
    re.IGNORECASE,
)
MANY_IDS = 3  # numbers as long as a person's, in one line


def few_people(line: str) -> bool:
    """Say whether a line counts two to nine people, or speaks of one alone."""
    if _ALONE.search(line):
        return True
    if any(_is_a_count(line, found) for found in _COUNTED.finditer(line)):
        return True
    return any(map(_leaves_few, _OF_WHOM.finditer(line)))


def _leaves_few(found: re.Match[str]) -> bool:
    """Say whether a share of a number of people, or what is left of them, is of a few."""
    whole, share = float(found[1].replace(",", "")), float(found[2])
    parts = (whole * share / 100, whole * (100 - share) / 100)
    return whole >= FEW and any(0.5 <= part < FEW - 0.5 for part in parts)


def _is_a_count(line: str, found: re.Match[str]) -> bool:
    if _ANY_TWO.match(found[0]):
        return False
    before = line[max(0, found.start() - BEFORE) : found.start()]
    if _NOT_AFTER.search(found["after"]):
        return False
    return bool(_OF_THE.search(before)) or not _NOT_BEFORE.search(before)


def few_stated(line: str) -> bool:
    """Say whether a line of a text says `n = 4`, or that a model has so few observations."""
    forms = (_STATED, _MODEL_OF, _BRACKETED, _AT_RISK, _OTHERS, _TOLD, _OF_A_MODEL)
    return any(form.search(line) for form in forms) or any(
        map(_lists_few, _COUNTS_LISTED.finditer(line))
    )


def _lists_few(found: re.Match[str]) -> bool:
    listed = [int(one) for one in re.findall(r"\d+", found[1].replace(",", " "))]
    return any(0 < one < FEW for one in listed) and max(listed) >= FEW


def quoted_error(line: str) -> bool:
    """Say whether a line is a program's error message with the value it failed on."""
    return bool(_FAILED_ON.search(line))


def extreme(line: str) -> bool:
    """Say whether a line gives a largest or smallest amount exactly, and not that of a group."""
    if _OF_THE_FIRST.search(line):
        return True
    return any(_is_exact(line, found) for found in _EXTREME.finditer(line))


def _is_exact(line: str, found: re.Match[str]) -> bool:
    begin = max(line.rfind(". ", 0, found.start()), line.rfind("; ", 0, found.start()), 0)
    if _OF_GROUPS.search(line[begin : found.end()]):
        return False
    figures = re.sub(r"\D", "", found[2]).strip("0")
    return len(figures) >= (4 if "." in found[2] else 5)


def summary(line: str, after: str) -> bool:
    """Say whether a line is of what a package prints of a distribution: Min. … Max. and numbers."""
    numbered = any(map(str.isdigit, line + after))
    one_line = _MIN.search(line) and _MAX.search(line) and numbered
    return bool(one_line or _LABELLED.fullmatch(line))


def of_a_person(line: str, *, is_prose: bool) -> bool:
    """Say whether a line has the address or number of somebody, and not of an office."""
    if len(_NUMBERED.findall(line)) >= MANY_IDS or ("id" in line.lower() and _CHOSEN.search(line)):
        return True
    if is_prose and "@" in line and _EMAIL.search(line) and _SOMEBODY.search(line):
        return True
    return is_prose and bool(_PLACE.search(line))
