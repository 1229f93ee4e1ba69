"""Texts, tables of text and summaries that hide something or hurt what reads them."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator

from tests.data.egress.hidden import CSV, HIDDEN, SECRET

# Texts, tables of text, summaries ---------------------------------------------------------------

PERSON = "5f3c1e90-8d1a-4c37-9d7e-0a4b2f6c8d11"


def tagged(text: str) -> str:
    """Return a text as invisible tag characters."""
    return "".join(chr(0xE0000 + ord(character)) for character in text)


def spaced(text: str) -> str:
    """Return words whose blanks spell a text, by which kind of blank they are."""
    bits = "".join(f"{byte:08b}" for byte in text.encode())
    return "word" + "".join(("\u2009" if bit == "1" else " ") + "word" for bit in bits[:100])


def texts() -> Iterator[tuple[str, str, bytes]]:
    rows = "\n".join(f"Hartford  {n}  {n * 37 % 91}" for n in range(1, 9))
    pipes = "| county | n |\n|---|---|\n" + "\n".join(f"| A{n} | {n} |" for n in range(1, 9))
    code = "data = [\n" + "\n".join(f"    ({n}, {n * 7}, {n * 3})," for n in range(1, 9)) + "\n]"
    pays = [f"{8123.45 + 97.31 * n:.2f}" for n in range(40)]
    for id, name, text in (
        ("html", "a.md", "See <img src='http://x/y'>"),
        ("script", "a.md", "<script>fetch('http://x')</script>"),
        ("html-comment", "a.md", f"Text <!-- {SECRET} -->"),
        ("entity", "a.md", "A &#77;aria"),
        ("picture", "a.md", "![plot](http://x/y.png)"),
        ("script-link", "a.md", "[more](javascript:alert(1))"),
        ("data-link", "a.md", "[more](data:text/csv;base64,QUJD)"),
        ("named-data-link", "a.md", "[more][1]\n\n[1]: data:text/csv,QUJD"),
        ("bidi", "a.py", "access = 'user\u202e \u2066# admin\u2069 \u2066'\n"),
        ("zero-width", "a.txt", "Pay\u200brose" + "\u200b" * 5),
        ("tags", "a.md", "Pay rose." + tagged(SECRET)),
        ("variation", "a.md", "Pay rose." + "".join(chr(0xE0100 + b) for b in HIDDEN)),
        ("filler", "a.md", "Pay\u3164rose"),
        ("stacked-marks", "a.md", "Pay" + "\u0301" * 30),
        ("private-use", "a.md", "Pay \ue000 rose"),
        ("printed-rows", "a.txt", f"The rows:\n\n{rows}\n"),
        ("listed-as-json", "a.txt", "".join(f'{{"pay": {p}}}\n' for p in pays)),
        ("listed-in-bullets", "a.md", "".join(f"- Tolland: {p}\n" for p in pays)),
        ("listed-in-sentences", "a.md", "\n\n".join(f"One has {p} here." for p in pays)),
        ("vector", "a.r", f"w <- c({', '.join(pays)})"),
        ("packed", "a.py", f"d = '{base64.b64encode(bytes(range(200))).decode()}'"),
        ("packed-in-hex", "a.sql", f"SELECT '{(HIDDEN * 3).hex()}'"),
        ("markdown-table", "a.md", f"The table:\n\n{pipes}\n"),
        ("rows-in-code", "a.py", code),
        ("commas", "a.txt", "\n".join(f"A{n},{n},{n + 3}" for n in range(9))),
        ("tabs", "a.txt", "\n".join(f"A{n}\t{n}\t{n + 3}" for n in range(9))),
        ("many-numbers", "a.md", "\n\n".join(f"It was {n} in one." for n in range(300))),
        ("person", "a.txt", f"Look at {PERSON}."),
        ("person-in-code", "a.sql", f"SELECT 1 FROM wages WHERE person_id = '{PERSON}'"),
        ("social-security", "a.txt", "It was 078-05-1120."),
        ("private-key", "a.py", "-----BEGIN RSA PRIVATE KEY-----\nabc\n"),
        ("cloud-key", "a.py", "k = 'AKIAIOSFODNN7EXAMPLE'"),
        ("token", "a.py", "t = 'ghp_0123456789abcdefghij0123'"),
        ("signed-token", "a.py", "t = 'eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc'"),
        ("password", "a.py", "password = 'hunter2hunter2'"),
        ("password-in-address", "a.py", "e = 'postgresql://me:secret@db/x'"),
        ("long-line", "a.txt", "A" * 5_000),
        ("many-lines", "a.txt", "A\n" * 6_000),
        ("large", "a.txt", "A word.\n" * 40_000),
        ("blanks-that-speak", "a.txt", spaced(SECRET)),
        ("ends-that-speak", "a.txt", "".join("word" + " " * (b % 7) + "\n" for b in HIDDEN)),
    ):
        yield id, name, text.encode()
    yield "utf16", "a.txt", "Pay rose".encode("utf-16")
    yield "nul", "a.txt", b"Pay\x00" + HIDDEN
    yield "escape", "a.txt", b"Pay \x1b[8m" + HIDDEN + b"\x1b[0m"


def tables() -> Iterator[tuple[str, str, bytes]]:
    yield "nul", "a.csv", b"county,n\nA\x00B,1\n"
    yield "bidi", "a.csv", "county,n\nA\u202eB,1\n".encode()
    yield "tags", "a.csv", f"county,n\nA{tagged(SECRET)},1\n".encode()
    yield "utf16", "a.csv", CSV.decode().encode("utf-16")
    yield "open-quote", "a.csv", b'county,n\n"A,1\n'
    yield "ragged", "a.csv", b"county,n\nA,1,2\n"
    yield "long-cell", "a.csv", b"county,n\n" + b"A" * 600 + b",1\n"
    yield "many-columns", "a.csv", b",".join(b"c%d" % n for n in range(60)) + b"\n"
    yield "empty", "a.csv", b""
    yield "semicolons", "a.csv", b"county;n\nA;1\n"
    yield "tabs", "a.csv", b"county\tn\nA\t1\n"
    yield "notes-below", "a.csv", CSV + HIDDEN + b"\n"
    yield "twice", "a.json", b'[{"n": 1, "n": 8731}]'
    yield "nested", "a.json", json.dumps([{"county": {"x": SECRET}, "n": 1}]).encode()
    yield "deep", "a.json", b"[" * 100_000 + b"]" * 100_000
    yield "not-finite", "a.json", b'[{"n": NaN}]'
    yield "escaped-bidi", "a.json", b'[{"county": "A\\u202eB", "n": 1}]'
    yield "half-character", "a.json", b'[{"county": "\\ud800", "n": 1}]'
    yield "columns-differ", "a.json", b'[{"n": 1}, {"m": 2}]'
    yield (
        "other-keys",
        "a.json",
        json.dumps({"columns": ["n"], "data": [[1]], "note": SECRET}).encode(),
    )
    yield "pandas-default", "a.json", json.dumps({"n": {"0": 1}}).encode()
    yield "long-number", "a.json", b'[{"n": ' + b"9" * 100_000 + b"}]"


def summaries() -> Iterator[tuple[str, str, bytes]]:
    one = {"name": "x", "estimate": 1.25, "standard_error": 0.5}
    good: dict[str, object] = {
        "form": "enclave/model/1",
        "family": "ols",
        "outcome": "pay",
        "n": 100,
        "residual_dof": 98,
        "parameters": [one],
    }
    for id, changed in (
        ("residuals", {"residuals": [1.0, 2.0]}),
        ("fitted", {"fit": {"fitted_values": 2.0}}),
        ("comment", {"note": SECRET}),
        ("field-in-parameter", {"parameters": [{**one, "influence": [1, 2]}]}),
        ("long-name", {"outcome": SECRET * 20}),
        ("bidi-name", {"outcome": "pay\u202e"}),
        ("not-finite", {"parameters": [{**one, "estimate": float("inf")}]}),
        ("text-estimate", {"parameters": [{**one, "estimate": SECRET}]}),
        ("dummies-do-not-add", {"dummies": [{"name": "x", "ones": 1, "zeros": 1}]}),
        ("a-parameter-a-person", {"parameters": [one] * 500}),
        ("no-parameters", {"parameters": []}),
        ("other-form", {"form": "x"}),
        ("own-family", {"family": SECRET}),
        ("digits-that-speak", {"parameters": [{**one, "estimate": 1.2345678731}]}),
    ):
        yield id, "pay.model.json", json.dumps({**good, **changed}).encode()
    yield "list", "pay.model.json", b"[]"
    yield "pickle", "pay.model.json", pickle.dumps(good)
