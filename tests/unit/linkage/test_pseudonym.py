"""Pseudonyms: one a person and project, and no way from one project's to another's (R18, R78)."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.errors import Invalid
from enclave.vault.pseudonym import ID_BYTES, pseudonym_key, pseudonymise, reidentify

ONE, OTHER = pseudonym_key(b"1" * 32), pseudonym_key(b"2" * 32)


@given(st.binary(min_size=16, max_size=16))
def test_only_the_projects_own_key_leads_back(pid: bytes) -> None:
    pseudonym = pseudonymise(pid, ONE)
    assert reidentify(pseudonym, ONE) == pid
    assert reidentify(pseudonym, OTHER) != pid
    assert pseudonymise(pid, OTHER) != pseudonym


def test_no_two_persons_share_a_pseudonym_and_order_is_kept() -> None:
    ids = os.urandom(ID_BYTES * 10_000)
    found = pseudonymise(ids, ONE)
    blocks = [found[at : at + ID_BYTES] for at in range(0, len(found), ID_BYTES)]
    assert len(set(blocks)) == 10_000
    assert blocks[7] == pseudonymise(ids[7 * ID_BYTES : 8 * ID_BYTES], ONE)


def test_an_id_is_sixteen_bytes_and_a_key_thirty_two() -> None:
    for ids, key in ((b"short", ONE), (b"i" * 16, b"k" * 16)):
        with pytest.raises(Invalid):
            pseudonymise(ids, key)


def test_the_pseudonym_key_is_not_the_project_key() -> None:
    assert pseudonym_key(b"1" * 32) != b"1" * 32
