"""The granted name a misspelt one was probably meant to be, for a refusal's hint.

Only names that the agreement grants are ever offered, so a guess tells nobody what else there is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from enclave.gateway.inspector.catalogue import Catalogue
from enclave.gateway.refusals import QueryDenied

_UNKNOWN = re.compile(r'column(?: named)? "([^"]{1,100})"')


def meant(name: str, known: Collection[str]) -> str:
    """Return a question that offers the nearest known name, or nothing if none is near."""
    near = get_close_matches(name.lower(), sorted(known), n=1)
    return f"Did you mean {near[0]}? " if near else ""


def column(catalogue: Catalogue, views: Collection[str], refused: QueryDenied) -> QueryDenied:
    """Return a refusal over a column the engine cannot find with the nearest granted one named."""
    found = _UNKNOWN.search(refused.hint or "")
    if found is None:
        return refused
    known = {name for view in views for name in catalogue.columns(view)}
    hint = f"{refused.hint} {meant(found[1], known)}DESCRIBE <view> lists its columns."
    return type(refused)(refused.sentence, clause=refused.clause, hint=hint)
