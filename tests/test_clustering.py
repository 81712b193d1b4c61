"""Neighbour graphs by blocks, and Chinese whispers on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phiz
from phiz.clustering import graph as graph_module
from phiz.clustering import graph_of_edges, neighbour_graph, whisper
from phiz.clustering.bottom_up import bottom_up
from phiz.errors import OptionError, ShapeError, SpaceError


def edges_of(graph: graph_module.NeighbourGraph) -> set[tuple[int, int]]:
    return {
        (node, int(other))
        for node in range(len(graph))
        for other in graph.neighbours[graph.starts[node] : graph.starts[node + 1]]
    }


def crowd(people: int, each: int, spread: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((people, 128))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = random.standard_normal((people * each, 128)) * spread
    return (np.repeat(centres, each, axis=0) + noise).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_blocks_find_the_pairs_that_a_full_matrix_finds(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_module, "_ROWS", 7)
    monkeypatch.setattr(graph_module, "_COLUMNS", 11)
    vectors = crowd(6, 9, 0.03)
    wide = vectors.astype(np.float64)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
        full = 1 - wide @ wide.T
    else:
        full = np.linalg.norm(wide[:, None] - wide[None], axis=2)
    for threshold in np.quantile(full, [0.05, 0.3, 0.8]):
        # Halfway between two distances, so that rounding cannot decide.
        near = np.sort(full.ravel())
        at = np.searchsorted(near, threshold)
        limit = float((near[at - 1] + near[at]) / 2)
        found = edges_of(neighbour_graph(vectors, limit, metric=metric))  # type: ignore[arg-type]
        expected = {(int(i), int(j)) for i, j in np.argwhere(full < np.float32(limit))}
        assert found == expected | {(i, i) for i in range(len(vectors))}


def test_a_pair_at_the_threshold_is_decided_in_float64_and_strictly() -> None:
    """0.6 as a float32 is 0.60000002384; dlib compares float64 distances with that."""
    limit = float(np.float32(0.6))
    below, above = np.nextafter(np.float32(limit), 0), np.nextafter(np.float32(limit), 1)
    for distance, joined in ((below, True), (np.float32(limit), False), (above, False)):
        vectors = np.zeros((2, 3), np.float32)
        vectors[1, 0] = distance
        assert ((0, 1) in edges_of(neighbour_graph(vectors, 0.6))) is joined


@given(st.integers(1, 30), st.integers(0, 60), st.integers(0, 10_000))
def test_graphs_are_symmetric_and_sorted(nodes: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    pairs = random.integers(0, nodes, (count, 2))
    graph = graph_of_edges(pairs)
    found = edges_of(graph)
    assert found == {(int(a), int(b)) for a, b in pairs} | {(int(b), int(a)) for a, b in pairs}
    for node in range(len(graph)):
        row = graph.neighbours[graph.starts[node] : graph.starts[node + 1]]
        assert (np.diff(row) >= 0).all()


def test_labels_count_up_from_zero_in_order_of_appearance() -> None:
    labels = phiz.chinese_whispers([(0, 1), (5, 6), (6, 7), (3, 4)])
    assert labels.tolist() == [0, 0, 1, 2, 2, 3, 3, 3]


def test_nodes_without_edges_stay_alone() -> None:
    assert phiz.chinese_whispers([(2, 2)]).tolist() == [0, 1, 2]
    assert phiz.chinese_whispers([]).tolist() == []
    assert phiz.chinese_whispers([(0, 1)], iterations=0).tolist() == [0, 1]


def test_weights_decide() -> None:
    edges = [(0, 1), (1, 2), (2, 3)]
    assert phiz.chinese_whispers(edges, [5.0, 0.1, 5.0]).tolist() == [0, 0, 1, 1]


def test_people_far_apart_are_told_apart() -> None:
    vectors = crowd(20, 15, 0.02)
    labels = phiz.cluster(vectors)
    assert labels.tolist() == np.repeat(np.arange(20), 15).tolist()


def test_clustering_takes_descriptors_tables_and_arrays() -> None:
    vectors = crowd(3, 4, 0.02)
    described = phiz.Descriptors(vectors, "s", threshold=0.6)
    assert phiz.cluster(described).tolist() == phiz.cluster(vectors.tolist()).tolist()
    assert phiz.cluster(np.zeros((0, 128), np.float32)).tolist() == []
    assert phiz.cluster(vectors[:1]).tolist() == [0]


@pytest.mark.parametrize("vectors", [np.zeros((2, 3), np.int64), np.array([[2.0**61], [0.0]])])
def test_vectors_that_have_no_distance_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="vectors: wanted"):
        neighbour_graph(vectors, 0.5)


def test_float64_vectors_are_told_apart_beyond_float32() -> None:
    far = 0.5 + 2**-40
    vectors = np.array([[0.0], [0.5], [far]])
    assert neighbour_graph(vectors, far).neighbours.tolist() == [0, 1, 2, 1, 2]
    assert neighbour_graph(vectors + 1e-9, 1).neighbours.tolist() == [0, 1, 2] * 3


def test_clusters_merge_from_the_bottom_up_until_their_farthest_are_too_far() -> None:
    vectors = np.array([[0.0], [1.0], [2.5], [10.0], [10.5]])
    assert bottom_up(vectors, most=1).tolist() == [0, 0, 1, 2, 2]
    assert bottom_up(vectors, most=2.5).tolist() == [0, 0, 0, 1, 1]
    assert bottom_up(vectors, most=99, clusters=2).tolist() == [0, 0, 0, 1, 1]
    assert bottom_up(vectors, most=99).tolist() == [0] * 5
    assert bottom_up(vectors[:0]).tolist() == []
    with pytest.raises(OptionError, match="clusters"):
        bottom_up(vectors, clusters=0)


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_thresholds_that_join_nothing_are_refused(threshold: float) -> None:
    with pytest.raises(OptionError, match="threshold"):
        phiz.cluster(crowd(2, 2, 0.1), threshold=threshold)


@pytest.mark.parametrize(
    ("edges", "weights"),
    [([(0, -1)], None), ([(0.5, 1.0)], None), ([(0, 1, 2)], None), ([(0, 1)], [1.0, 2.0]),
     ([(0, 1)], [np.nan])],
)  # fmt: skip
def test_edges_that_are_none_are_refused(edges: object, weights: object) -> None:
    with pytest.raises(ShapeError):
        phiz.chinese_whispers(edges, weights)


def test_methods_that_do_not_exist_are_refused() -> None:
    with pytest.raises(OptionError, match="'kmeans'"):
        phiz.cluster(crowd(1, 2, 0.1), method="kmeans")  # type: ignore[arg-type]


def test_too_wide_a_threshold_is_refused_before_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_module, "_MOST_EDGES", 50)
    with pytest.raises(OptionError, match="joins more than 50 pairs"):
        neighbour_graph(crowd(1, 20, 0.01), 2.0)


def test_progress_reaches_the_end() -> None:
    seen: list[int] = []
    neighbour_graph(crowd(30, 50, 0.02), 0.6, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1500


def test_twenty_thousand_faces_need_no_square_matrix() -> None:
    import tracemalloc

    vectors = crowd(2000, 10, 0.02)
    tracemalloc.start()
    graph = neighbour_graph(vectors, 0.6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000 * 20_000  # a byte per pair; a matrix of distances has four
    assert len(graph.neighbours) == 2000 * 10 * 10
    assert whisper(graph).tolist() == np.repeat(np.arange(2000), 10).tolist()


def test_tables_made_by_different_models_are_not_mixed(tmp_path: Path) -> None:
    from phiz.table import FaceTable, Picture

    one, other = (
        FaceTable.of_picture(Picture("a"), settings_hash=name) for name in ("one", "other")
    )
    with pytest.raises(SpaceError):
        FaceTable.concat([one, other])
