"""Ids that stay: who keeps one, who gets a new one, and that none is ever used again (R5)."""

from __future__ import annotations

import uuid

from linkage.identity import Change, Naming, count_changes, name_clusters

A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))
ACTIVE = {A: "active", B: "active"}


def test_a_cluster_keeps_the_id_most_of_it_had() -> None:
    naming = name_clusters(2, [(0, A), (1, B)], ACTIVE)
    assert naming == Naming({0: A, 1: B}, ())


def test_a_new_person_gets_a_new_random_id() -> None:
    first = name_clusters(1, [], {})
    [change] = first.changes
    assert (change.type, change.pid) == ("create", first.pids[0])
    assert name_clusters(1, [], {}).pids[0] != first.pids[0]
    assert first.pids[0].version == 4


def test_a_merged_id_points_to_the_one_it_went_into() -> None:
    naming = name_clusters(1, [(0, A), (0, B)], ACTIVE)
    assert naming == Naming({0: A}, (Change("merge", B, A),))


def test_after_a_split_the_stronger_part_keeps_the_id() -> None:
    naming = name_clusters(2, [(1, A), (0, A)], {A: "active"})
    assert naming.pids[1] == A
    assert naming.changes == (Change("split", naming.pids[0], A),)


def test_an_id_nobody_holds_any_more_retires_and_returns_only_to_its_own_records() -> None:
    retired = name_clusters(1, [(0, A)], ACTIVE)
    assert retired.changes == (Change("retire", B),)
    assert name_clusters(1, [(0, A)], {A: "active", B: "retired"}).changes == ()
    back = name_clusters(2, [(0, A), (1, B)], {A: "active", B: "retired"})
    assert back.changes == (Change("restore", B),)


def test_no_two_clusters_share_an_id() -> None:
    naming = name_clusters(3, [(0, A), (1, A), (2, A), (2, B)], ACTIVE)
    assert len(set(naming.pids.values())) == 3
    assert (naming.pids[0], naming.pids[2]) == (A, B)
    assert count_changes(naming) == {"split": 1}
