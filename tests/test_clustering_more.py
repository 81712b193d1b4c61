"""Newman's clustering, pictures kept apart, new faces, merges, and other seeds."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phiz
from phiz.clustering import (
    adjusted_rand,
    assign,
    label_faces,
    link_faces,
    modularity,
    newman_cluster,
    stability,
    suggest_merges,
)
from phiz.errors import OptionError, ShapeError, SpaceError
from phiz.table import FaceTable, Picture
from phiz.values import Faces
from tests.test_clustering import crowd


def random_graph(seed: int, nodes: int = 12, edges: int = 30) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, nodes, (edges, 2)), random.integers(1, 5, edges).astype(float)


def test_newmans_labels_are_dlibs(shared: Path) -> None:
    path = shared / "golden" / "dlib" / "train" / "graphs" / "chinese_whispers.json"
    graphs = [graph for graph in json.loads(path.read_text()) if "newman_labels" in graph]
    assert len(graphs) == 5
    for graph in graphs:
        edges = np.array([edge[:2] for edge in graph["edges"]])
        weights = np.array([edge[2] if len(edge) > 2 else 1.0 for edge in graph["edges"]])
        labels = newman_cluster(edges, weights)
        assert labels.tolist() == graph["newman_labels"], graph["description"]
        thirds = np.arange(len(labels)) % 3
        for found, name in (
            (labels, "newman_modularity"), (thirds, "modularity_of_i_mod_3"),
            (np.array(graph["labels"]), "modularity"),
        ):  # fmt: skip
            # The originals sum in another order: rounding of a sum near 1.
            assert modularity(edges, found, weights) == pytest.approx(graph[name], abs=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_modularity_is_what_its_definition_says(seed: int, groups: int) -> None:
    edges, weights = random_graph(seed)
    nodes = int(edges.max()) + 1
    labels = np.random.default_rng(seed).integers(0, groups, nodes)
    matrix = np.zeros((nodes, nodes))
    for (i, j), weight in zip(edges, weights, strict=True):
        matrix[i, j] += weight
        if i != j:
            matrix[j, i] += weight
    degrees, total = matrix.sum(axis=1), matrix.sum()
    expected = (matrix - np.outer(degrees, degrees) / total)[labels[:, None] == labels].sum()
    assert modularity(edges, labels, weights) == pytest.approx(expected / total, abs=1e-12)


@given(st.integers(0, 10_000))
def test_newmans_split_is_better_than_none_and_numbered_from_zero(seed: int) -> None:
    edges, weights = random_graph(seed)
    labels = newman_cluster(edges, weights)
    assert set(labels.tolist()) == set(range(labels.max() + 1))
    assert modularity(edges, labels, weights) > -1e-12


@pytest.mark.parametrize(
    ("edges", "weights", "labels"),
    [
        ([], None, []), ([(0, 0)], None, [0]), ([(0, 1)], [0.0], [0, 0]),
        ([(3, 3), (0, 1)], None, None),
    ],
)  # fmt: skip
def test_graphs_of_little_have_their_labels(edges: Any, weights: Any, labels: Any) -> None:
    found = newman_cluster(edges, weights)
    assert labels is None or found.tolist() == labels
    assert len(found) == max((max(edge) for edge in edges), default=-1) + 1
    assert np.isfinite(modularity(edges, found, weights))


def test_weights_below_zero_have_no_modularity_to_raise() -> None:
    with pytest.raises(ShapeError, match="weights"):
        newman_cluster([(0, 1)], [-1.0])
    with pytest.raises(ShapeError, match="labels"):
        modularity([(0, 1)], [0])
    with pytest.raises(ShapeError, match="labels"):
        modularity([(0, 1)], [0.5, 1.0])


def test_newman_tells_people_apart() -> None:
    vectors = crowd(10, 12, 0.02)
    assert phiz.cluster(vectors, method="newman").tolist() == np.repeat(range(10), 12).tolist()


@pytest.mark.parametrize("method", ["whispers", "newman"])
@pytest.mark.parametrize("seed", range(5))
def test_faces_of_one_picture_are_never_put_together(method: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = (random.standard_normal((200, 16)) * 0.15).astype(np.float32)
    pictures = random.integers(0, 60, 200)
    labels = phiz.cluster(vectors, method=method, cannot_link=pictures)
    assert len(set(zip(labels.tolist(), pictures.tolist(), strict=True))) == 200
    assert labels[0] == 0
    assert (np.diff(np.unique(labels)) == 1).all()
    assert labels.max() < 199  # some are together


def table_of(vectors: np.ndarray, each: int) -> FaceTable:
    tables = []
    for top in range(0, len(vectors), each):
        part = vectors[top : top + each]
        faces = Faces(np.zeros((len(part), 4), np.float32), np.zeros(len(part), np.float32))
        described = phiz.Descriptors(part, "space", threshold=0.6)
        tables.append(FaceTable.of_picture(Picture(str(top)), faces, None, described))
    return FaceTable.concat(tables)


def test_a_table_knows_its_pictures_and_is_asked_only_if_wanted() -> None:
    twice = np.repeat(crowd(4, 1, 0.0), 2, axis=0)  # two faces of each person in each picture
    table = table_of(twice, 2)
    assert phiz.cluster(table).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert phiz.cluster(table, cannot_link=True).tolist() == list(range(8))
    assert phiz.cluster(table, cannot_link=np.arange(8)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("pictures", [True, [0, 1], [0.5] * 4])
def test_pictures_that_are_none_are_refused(pictures: object) -> None:
    with pytest.raises((OptionError, ShapeError), match="cannot_link"):
        phiz.cluster(crowd(2, 2, 0.1), cannot_link=pictures)


def test_new_faces_join_whom_they_are_close_to() -> None:
    vectors, known = crowd(8, 10, 0.02, seed=1), np.repeat(np.arange(6) * 10, 9)
    rows = np.arange(80) % 10
    old = vectors[(rows < 9) & (np.arange(80) < 60)]
    new = vectors[(rows == 9) | (np.arange(80) >= 78)]
    assert assign(new, old, known).tolist() == [0, 10, 20, 30, 40, 50, 51, 52, 52]
    assert assign(new[:0], old, known).tolist() == []
    assert assign(new, old[:0], known[:0]).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 7]


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_votes_are_those_of_the_nearest(seed: int, votes: int) -> None:
    random = np.random.default_rng(seed)
    old, new = (random.standard_normal((count, 3)).astype(np.float32) for count in (20, 6))
    labels = random.integers(0, 4, 20)
    found = assign(new, old, labels, threshold=1.2, votes=votes)
    for row, label in zip(new, found.tolist(), strict=True):
        distance = np.linalg.norm(old.astype(np.float64) - row, axis=1)
        order = [i for i in np.argsort(distance)[:votes] if distance[i] < 1.2]
        voted = labels[order].tolist()
        if not voted:
            assert label > labels.max()
            continue
        most = max(voted.count(one) for one in voted)
        assert label == next(one for one in voted if voted.count(one) == most)


def test_what_cannot_be_assigned_is_refused() -> None:
    faces = crowd(2, 3, 0.02)
    one, other = (phiz.Descriptors(faces, space) for space in ("a", "b"))
    with pytest.raises(SpaceError, match="different spaces"):
        assign(one, other, np.zeros(6, int))
    for labels in ([0, 1], [0.5] * 6):
        with pytest.raises(ShapeError, match="labels"):
            assign(faces, faces, labels)
    with pytest.raises(ShapeError, match="wanted vectors of 128 numbers, found 5"):
        assign(np.zeros((1, 5)), faces, np.zeros(6, int))
    with pytest.raises(ShapeError, match="new"):
        assign([[np.nan] * 128], faces, np.zeros(6, int))
    for options in ({"threshold": 0.0}, {"votes": 0}):
        with pytest.raises(OptionError):
            assign(faces, faces, np.zeros(6, int), **options)  # type: ignore[arg-type]


@given(st.integers(0, 10_000), st.sampled_from([None, 3]))
def test_merges_are_counted_as_defined(seed: int, neighbours: int | None) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((15, 3)).astype(np.float32)
    labels = np.sort(random.integers(0, 4, 15))
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    linked = link_faces(vectors, threshold=1.5, neighbours=neighbours)
    found = {(merge.one, merge.other): merge for merge in suggest_merges(linked, labels, least=1)}
    graph = linked.graph
    for a, b in combinations(range(labels.max() + 1), 2):
        joined = [
            (i, j) for i in np.flatnonzero(labels == a) for j in np.flatnonzero(labels == b)
            if j in graph.neighbours[graph.starts[i] : graph.starts[i + 1]]
        ]  # fmt: skip
        assert ((a, b) in found) is bool(joined)
        if not joined:
            continue
        sizes = (labels == a).sum(), (labels == b).sum()
        possible = sizes[0] * sizes[1]
        if neighbours:
            possible = min(possible, neighbours * sum(sizes))
        distance = np.mean([np.linalg.norm(vectors[i] - vectors[j]) for i, j in joined])
        merge = found[a, b]
        assert merge.edges == len(joined)
        assert merge.share == pytest.approx(len(joined) / possible)
        assert merge.distance == pytest.approx(distance, rel=1e-5)
    shares = [merge.share for merge in suggest_merges(linked, labels, least=2)]
    assert shares == sorted(shares, reverse=True)


def test_two_people_of_one_picture_are_not_suggested() -> None:
    vectors = crowd(1, 8, 0.02)
    labels = np.repeat(np.arange(2), 4)
    assert [m.edges for m in suggest_merges(link_faces(vectors), labels)] == [16]
    apart = link_faces(vectors, cannot_link=[0, 1, 2, 3, 0, 5, 6, 7])
    assert suggest_merges(apart, labels) == []
    assert suggest_merges(link_faces(vectors[:0]), labels[:0]) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=12))
def test_adjusted_rand_is_what_counting_pairs_gives(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(side) for side in zip(*pairs, strict=True))
    every = list(combinations(range(len(one)), 2))
    here = sum(one[i] == one[j] for i, j in every)
    there = sum(other[i] == other[j] for i, j in every)
    both = sum(one[i] == one[j] and other[i] == other[j] for i, j in every)
    chance = here * there / len(every)
    most = (here + there) / 2
    expected = 1.0 if most == chance else (both - chance) / (most - chance)
    assert adjusted_rand(one, other) == pytest.approx(expected)


def test_stability_counts_pairs_over_seeds() -> None:
    vectors = (np.random.default_rng(5).standard_normal((120, 16)) * 0.16).astype(np.float32)
    linked = link_faces(vectors)
    labels = label_faces(linked)
    found = stability(linked, labels, [0, 3, 4])
    runs = [label_faces(linked, seed=seed) for seed in (0, 3, 4)]
    assert found.adjusted_rand.tolist() == [adjusted_rand(labels, run) for run in runs]
    assert found.adjusted_rand[0] == 1
    for cluster in range(labels.max() + 1):
        faces = np.flatnonzero(labels == cluster)
        kept = [run[i] == run[j] for run in runs for i, j in combinations(faces, 2)]
        assert found.together[cluster] == pytest.approx(np.mean(kept) if kept else 1.0)
        companions = [
            j for run in runs for i in faces for j in np.flatnonzero(run == run[i]) if j != i
        ]
        share = np.mean(labels[companions] != cluster) if companions else 0.0
        assert found.strangers[cluster] == pytest.approx(share)
    with pytest.raises(OptionError, match="seeds"):
        stability(linked, labels, [])
    with pytest.raises(ShapeError, match="labels"):
        stability(linked, labels + 1, [1])


def test_examples_in_docstrings_are_right() -> None:
    import doctest
    import sys

    for name in ("newman", "stability"):  # a function of one of these names hides its module
        result = doctest.testmod(sys.modules[f"phiz.clustering.{name}"])
        assert (result.failed, result.attempted > 0) == (0, True)
