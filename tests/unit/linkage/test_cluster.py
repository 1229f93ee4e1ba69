"""When identities are one person."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from linkage.cluster import cluster


def groups(sources: str, *edges: tuple[int, int, float], free: str = "") -> list[set[int]]:
    """Cluster one node a letter; the letters in `free` are duplicate-free datasets."""
    numbers = cluster(list(sources), edges, duplicate_free=frozenset(free))
    return [{n for n, c in enumerate(numbers) if c == each} for each in sorted(set(numbers))]


def test_nodes_that_agree_are_one_and_others_stay_apart() -> None:
    assert groups("abc", (0, 1, 12.0)) == [{0, 1}, {2}]
    assert groups("ab", (0, 1, -9.0)) == [{0}, {1}]


def test_one_odd_pair_does_not_join_two_families() -> None:
    """Connected components would make these six one person."""
    left = [(0, 1, 15.0), (0, 2, 15.0), (1, 2, 15.0)]
    right = [(3, 4, 15.0), (3, 5, 15.0), (4, 5, 15.0)]
    assert groups("abcdef", *left, *right, (2, 3, 14.0)) == [{0, 1, 2}, {3, 4, 5}]


def test_two_rows_of_a_duplicate_free_dataset_are_never_one_person() -> None:
    assert groups("ss", (0, 1, 20.0), free="s") == [{0}, {1}]
    bridged = groups("sxs", (0, 1, 12.0), (1, 2, 11.0), free="s")
    assert bridged == [{0, 1}, {2}], "not through a third either; the stronger pair wins"
    assert groups("xss", (0, 1, 12.0), (0, 2, 11.0), free="s") == [{0, 1}, {2}]


def test_an_overwhelming_pair_does_not_outvote_the_others() -> None:
    assert groups("abc", (0, 1, 900.0), (1, 2, 15.0), (0, 2, -60.0)) == [{0, 1}, {2}]
    held = [(0, 1, 20.0), (1, 2, 900.0), (2, 3, 20.0), (0, 3, -60.0)]
    assert groups("abcd", *held) == [{0, 1}, {2, 3}], "it alone would join the two families"


edges = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(-10, 30)), max_size=40
).map(lambda found: list({(min(a, b), max(a, b)): w for a, b, w in found if a != b}.items()))


@given(edges, st.randoms(use_true_random=False))
def test_the_answer_depends_on_the_pairs_and_not_on_their_order(found, shuffler) -> None:  # type: ignore[no-untyped-def]
    pairs = [(a, b, w) for (a, b), w in found]
    turned = [(b, a, w) for a, b, w in pairs]
    shuffler.shuffle(turned)
    sources = list("sstttuuuvv")
    one = cluster(sources, pairs, duplicate_free=frozenset("s"))
    assert one == cluster(sources, turned, duplicate_free=frozenset("s"))
    assert one[0] != one[1]
    assert sorted(set(one)) == list(range(max(one) + 1))
