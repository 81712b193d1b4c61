"""Searches of a gallery, and labels of a clustering, against their definitions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import ShapeError
from phiz.evaluation import identification
from phiz.evaluation.cluster_scores import cluster_scores
from phiz.evaluation.identification import (
    fnir_at_fpir,
    hits_at,
    identify_probes,
    rank_rate,
)

groups = st.integers(1, 30).flatmap(
    lambda count: st.tuples(
        st.lists(st.integers(-3, 5), min_size=count, max_size=count),
        st.lists(st.integers(0, 6), min_size=count, max_size=count),
    )
)


def share(part: int, total: int) -> float:
    return part / total if total else 1.0


@given(groups)
def test_pairwise_scores_count_pairs(both: tuple[list[int], list[int]]) -> None:
    people, labels = both
    found = cluster_scores(np.array(people), np.array(labels))
    pairs = list(combinations(range(len(people)), 2))
    same = {pair for pair in pairs if people[pair[0]] == people[pair[1]]}
    joined = {pair for pair in pairs if labels[pair[0]] == labels[pair[1]]}
    assert found.pairwise.precision == pytest.approx(share(len(same & joined), len(joined)))
    assert found.pairwise.recall == pytest.approx(share(len(same & joined), len(same)))
    assert (found.faces, found.people, found.clusters) == (
        len(people), len(set(people)), len(set(labels)),
    )  # fmt: skip


@given(groups)
def test_bcubed_scores_are_means_over_faces(both: tuple[list[int], list[int]]) -> None:
    people, labels = np.array(both[0]), np.array(both[1])
    found = cluster_scores(people, labels)
    shares = []
    for i in range(len(people)):
        together = (labels == labels[i]) & (people == people[i])
        shares.append(
            (
                together.sum() / (labels == labels[i]).sum(),
                together.sum() / (people == people[i]).sum(),
            )
        )
    precision, recall = np.mean(shares, axis=0)
    assert found.bcubed.precision == pytest.approx(precision)
    assert found.bcubed.recall == pytest.approx(recall)
    assert found.bcubed.f == pytest.approx(2 * precision * recall / (precision + recall))


@given(groups)
def test_pairwise_scores_are_scikit_learns(both: tuple[list[int], list[int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics.cluster")
    found = cluster_scores(*(np.array(side) for side in both))
    (_, wrong), (missed, right) = metrics.pair_confusion_matrix(*both)
    assert found.pairwise.precision == pytest.approx(share(right, right + wrong))
    assert found.pairwise.recall == pytest.approx(share(right, right + missed))


def test_a_million_faces_take_no_square() -> None:
    people = np.arange(1_000_000) // 20
    found = cluster_scores(people, people // 2)
    assert found.pairwise.recall == 1.0
    assert found.pairwise.precision == pytest.approx(19 / 39)
    assert found.bcubed.precision == 0.5


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("block", [10, 1 << 22])
@given(seed=st.integers(0, 2**32 - 1))
def test_searches_find_what_a_full_sort_finds(seed: int, metric: str, block: int) -> None:
    random = np.random.default_rng(seed)
    gallery = random.standard_normal((12, 5)).astype(np.float32)
    probes = random.standard_normal((15, 5)).astype(np.float32)
    known, asked = random.integers(0, 5, 12), random.integers(0, 9, 15)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identification, "_BLOCK", block)
        found = identify_probes(gallery, known, probes, asked, metric=metric)  # type: ignore[arg-type]
    for row, (probe, person) in enumerate(zip(probes.astype(np.float64), asked, strict=True)):
        wide = gallery.astype(np.float64)
        if metric == "cosine":
            far = 1 - wide @ probe / np.linalg.norm(wide, axis=1) / np.linalg.norm(probe)
        else:
            far = np.linalg.norm(wide - probe, axis=1)
        people = sorted(set(known.tolist()), key=lambda one: far[known == one].min())
        assert found.mated[row] == (person in people)
        assert found.nearest[row] == far.argmin()
        assert found.distances[row] == pytest.approx(far.min())
        assert found.ranks[row] == (people.index(person) if person in people else -1)
        assert found.right[row] == (people[0] == person)
        own = far[known == person].min() if person in people else np.inf
        assert found.own[row] == pytest.approx(own)


def test_fnir_is_at_the_largest_threshold_that_keeps_the_fpir() -> None:
    gallery = np.array([[0.0], [10.0]], np.float32)
    mated = [0.1, 0.2, 0.3, 0.6, 9.0]  # the last is nearer to the other person
    others = [0.25 + 0.5 * i for i in range(10)]  # as far from 0
    probes = np.array([*mated, *(-far for far in others)], np.float32)[:, None]
    people = np.array([0] * 5 + [7] * 10)
    found = identify_probes(gallery, np.array([0, 1]), probes, people)
    assert fnir_at_fpir(found, 0.1) == (pytest.approx(1 / 5), 0.75)  # 0.6 is accepted, as 0.25 is
    assert fnir_at_fpir(found, 0.05) is None
    assert hits_at(found, 0.25).tolist() == [True, True, False, False, False]
    assert rank_rate(found, 1) == 0.8
    assert rank_rate(found, 2) == 1.0


def test_without_mated_probes_there_are_no_rates() -> None:
    one = np.ones((1, 2), np.float32)
    found = identify_probes(one, np.array([0]), one, np.array([1]))
    assert fnir_at_fpir(found, 0.5) is None
    assert rank_rate(found, 1) is None
    with pytest.raises(ShapeError, match="at least one face"):
        identify_probes(one[:0], np.zeros(0, np.int64), one, np.array([1]))
    for call in (lambda: fnir_at_fpir(found, 0.0), lambda: rank_rate(found, 0)):
        with pytest.raises(ShapeError):
            call()
