"""Nearest neighbours by lists, and what is built on graphs of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phiz
from phiz.clustering import graph as graph_module
from phiz.clustering import link_faces, linking, lists, nearest
from phiz.clustering.nearest import Nearest, nearest_neighbours
from phiz.errors import MissingExtra, OptionError, ShapeError
from phiz.runtime import Runtime
from tests.test_clustering import crowd, edges_of


def true_nearest(vectors: np.ndarray, count: int, limit: float, metric: str) -> list[list[int]]:
    wide = vectors.astype(np.float64)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
        full = 1 - wide @ wide.T
    else:
        full = np.linalg.norm(wide[:, None] - wide[None], axis=2)
    np.fill_diagonal(full, np.inf)
    order = np.argsort(full, axis=1, kind="stable")[:, :count]
    return [[int(j) for j in row if full[i, j] < limit] for i, row in enumerate(order)]


def listed(found: Nearest) -> list[list[int]]:
    return [[int(name) for name in row if name >= 0] for row in found.names]


@pytest.fixture
def by_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few faces count as many."""
    pytest.importorskip("faiss", reason="faiss-cpu is not installed")
    monkeypatch.setattr(nearest, "EXACT", 100)
    monkeypatch.setattr(linking, "EXACT", 100)
    monkeypatch.setattr(nearest, "_STRIPE", 64)


@given(
    st.integers(0, 40), st.integers(1, 6), st.floats(0.3, 3.0),
    st.sampled_from(["euclidean", "cosine"]),
    st.integers(0, 1000),
)  # fmt: skip
def test_the_nearest_of_few_are_those_of_a_full_matrix(
    faces: int, count: int, limit: float, metric: str, seed: int
) -> None:
    vectors = np.random.default_rng(seed).standard_normal((faces, 5)).astype(np.float32)
    limit = limit / 2 if metric == "cosine" else limit
    found = nearest_neighbours(vectors, count, limit, metric=metric)  # type: ignore[arg-type]
    assert listed(found) == true_nearest(vectors, count, limit, metric)
    assert found.recall == 1.0
    assert (np.diff(np.where(np.isinf(found.distances), 1e9, found.distances)) >= 0).all()


def test_blocks_of_products_end_where_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_ROWS", 7)
    monkeypatch.setattr(nearest, "_COLUMNS", 11)
    vectors = crowd(6, 9, 0.03)
    assert listed(nearest_neighbours(vectors, 5, 2.0)) == true_nearest(vectors, 5, 2.0, "euclidean")


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_lists_find_most_of_the_nearest_and_say_how_many(by_lists: None, metric: str) -> None:
    vectors = crowd(150, 8, 0.03)
    limit = 0.9 if metric == "euclidean" else 0.4
    seen: list[int] = []
    found = nearest_neighbours(
        vectors, 6, limit, metric=metric, runtime=Runtime(3), progress=seen.append,  # type: ignore[arg-type]
    )  # fmt: skip
    true = true_nearest(vectors, 6, limit, metric)
    hits = sum(len({*a} & {*b}) for a, b in zip(listed(found), true, strict=True))
    assert hits / sum(map(len, true)) > 0.99
    assert found.recall > 0.99
    assert seen == sorted(seen)
    assert seen[-1] == len(vectors)
    again = nearest_neighbours(vectors, 6, limit, metric=metric, runtime=Runtime(1))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.names, again.names)


def test_recall_counts_what_was_missed(by_lists: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one list to ask and shapeless data, about as much is found as the sample says."""
    monkeypatch.setattr(nearest, "_PROBES", 1)
    vectors = np.random.default_rng(0).standard_normal((2000, 16)).astype(np.float32)
    found = nearest_neighbours(vectors, 8, 100.0)
    true = true_nearest(vectors, 8, 100.0, "euclidean")
    share = sum(len({*a} & {*b}) for a, b in zip(listed(found), true, strict=True)) / (8 * 2000)
    assert 0.05 < share < 0.9
    assert found.recall == pytest.approx(share, abs=0.04)


def test_crowds_beyond_the_exact_size_are_told_apart(by_lists: None, tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", crowd(60, 12, 0.03))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    assert phiz.cluster(mapped).tolist() == np.repeat(np.arange(60), 12).tolist()


def test_many_equal_vectors_are_one_person(by_lists: None) -> None:
    vectors = np.zeros((300, 8), np.float32)
    vectors[200:, 0] = 5
    labels = phiz.cluster(vectors)
    assert not set(labels[:200].tolist()) & set(labels[200:].tolist())


def test_without_the_extra_the_install_line_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nearest, "EXACT", 10)
    monkeypatch.setattr(linking, "EXACT", 10)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtra, match=r"pip install 'phiz\[scale\]'"):
        phiz.cluster(crowd(3, 5, 0.02))
    assert phiz.cluster(crowd(3, 5, 0.02)[:9], neighbours=3).tolist() == [0] * 5 + [1] * 4


def test_blas_gets_its_threads_back(by_lists: None) -> None:
    _, threadpoolctl = lists.needed()

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]

    before = threads()
    nearest_neighbours(crowd(40, 8, 0.03), 4, 0.6)
    assert threads() == before


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 1000))
def test_edges_join_neighbours_and_weigh_what_their_ends_share(
    faces: int, count: int, seed: int
) -> None:
    vectors = np.random.default_rng(seed).standard_normal((faces, 4)).astype(np.float32)
    found = nearest_neighbours(vectors, count, 2.0)
    graph = linking.graph_of_nearest(found)
    who = [{*row} for row in listed(found)]
    pairs = {(i, j) for i, row in enumerate(who) for j in row}
    assert edges_of(graph) == pairs | {(j, i) for i, j in pairs}
    for i in range(faces):
        row = slice(graph.starts[i], graph.starts[i + 1])
        expected = [1 + len(who[i] & who[j]) for j in graph.neighbours[row]]
        assert graph.weights[row].tolist() == expected


def test_exact_and_nearest_graphs_agree_on_who_is_who() -> None:
    vectors = crowd(20, 15, 0.02)
    linked = link_faces(vectors, neighbours=8)
    assert (linked.neighbours, linked.recall, linked.threshold) == (8, 1.0, 0.6)
    assert phiz.cluster(vectors, neighbours=8).tolist() == phiz.cluster(vectors).tolist()


def test_the_threshold_shrinks_with_the_number_of_faces(by_lists: None) -> None:
    random = np.random.default_rng(0)
    vectors = (random.standard_normal((3000, 32)) * 0.1).astype(np.float32)
    full = np.linalg.norm(vectors[:1000, None].astype(np.float64) - vectors[None, :1000], axis=2)
    share = (full[np.triu_indices(1000, 1)] < 0.6).mean()
    assert 0.01 < share < 0.1
    limits = [link_faces(vectors[:count]).threshold for count in (300, 3000)]
    # The share is measured on other pairs; tenfold faces are one factor.
    expected = 0.6 * 0.925 ** np.log10(np.array([300, 3000]) * share)
    np.testing.assert_allclose(limits, expected, rtol=0.01)
    assert link_faces(vectors[:100]).threshold == link_faces(vectors, threshold=0.6).threshold
    cosine = link_faces(phiz.Descriptors(vectors, "s", "cosine", 0.5)).threshold
    assert cosine == pytest.approx(0.5 * 0.925 ** (2 * np.log10(3000 * 0.0022)), rel=0.05)


@pytest.mark.parametrize("neighbours", [0, -1, 257])
def test_numbers_of_neighbours_that_make_no_graph_are_refused(neighbours: int) -> None:
    with pytest.raises(OptionError, match="neighbours"):
        phiz.cluster(crowd(2, 2, 0.1), neighbours=neighbours)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(value: float, by_lists: None) -> None:
    vectors = crowd(20, 10, 0.02)
    vectors[7, 3] = value
    with pytest.raises(ShapeError, match=r"vectors.*index \(7, 3\)"):
        phiz.cluster(vectors)


def test_a_direction_is_wanted_of_every_vector(by_lists: None) -> None:
    vectors = crowd(20, 10, 0.02)
    vectors[3] = 0
    faces = phiz.Descriptors(vectors, "s", "cosine", 0.1)
    with pytest.raises(ShapeError, match="no direction"):
        phiz.cluster(faces)


@pytest.mark.oracle
def test_labels_at_a_thousand_faces_are_dlibs(dlib: Any) -> None:
    """At 0.6 of vectors this close strangers are joined too: ties and long edges decide."""
    random = np.random.default_rng(3)
    vectors = (random.standard_normal((1000, 128)) * 0.04).astype(np.float32)
    rows = [dlib.vector(row) for row in vectors.astype(np.float64)]
    for threshold in (0.5, 0.6, 0.62):
        expected = list(dlib.chinese_whispers_clustering(rows, threshold))
        assert phiz.cluster(vectors, threshold=threshold).tolist() == expected
    assert graph_module.neighbour_graph(vectors, 0.6).starts[-1] > 10_000
