"""Descriptors to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from phiz.calibration import Calibration
from phiz.checks import I64
from phiz.clustering.linking import LinkedFaces, link_faces
from phiz.clustering.newman import newman
from phiz.clustering.pictures import Pictures, keep_edges
from phiz.clustering.whispers import by_appearance, whisper
from phiz.errors import OptionError

__all__ = ["METHODS", "Method", "cluster", "label_faces"]

Method: TypeAlias = Literal["whispers", "newman"]
METHODS: tuple[Method, ...] = ("whispers", "newman")


def _parted(linked: LinkedFaces, labels: I64, pictures: Pictures, seed: int) -> I64:
    """Cluster anew, faces of one picture apart, each cluster that holds two of them."""
    order = np.lexsort((labels, pictures.picture))
    label, picture = labels[order], pictures.picture[order]
    twice = (label[1:] == label[:-1]) & (picture[1:] == picture[:-1])
    mixed = np.isin(labels, label[1:][twice])
    source = np.repeat(np.arange(len(linked)), np.diff(linked.graph.starts))
    inside = labels[source] == labels[linked.graph.neighbours]
    parts = whisper(keep_edges(linked.graph, inside), seed=seed, pictures=pictures)
    return np.where(mixed, parts + labels.max(initial=0) + 1, labels)


def label_faces(linked: LinkedFaces, *, method: Method = "whispers", seed: int = 0) -> I64:
    """Cluster linked faces.

    method: as for :func:`cluster`.  seed: of the random numbers, 0 is dlib's own fresh state.

    Returns (n,) int64 labels, numbered by first appearance.
    """
    if method == "whispers":
        return whisper(linked.graph, seed=seed, pictures=linked.pictures)
    if method != "newman":
        raise OptionError(f"method: wanted {' or '.join(METHODS)}, found {method!r}")
    if linked.pictures is None:
        return by_appearance(newman(linked.graph, seed=seed))
    picture = linked.pictures.picture
    source = np.repeat(np.arange(len(linked)), np.diff(linked.graph.starts))
    other = linked.graph.neighbours
    allowed = (picture[source] != picture[other]) | (source == other)
    labels = newman(keep_edges(linked.graph, allowed), seed=seed)
    return by_appearance(_parted(linked, labels, linked.pictures, seed))


def cluster(
    vectors_or_table: object,
    *,
    threshold: float | Calibration | None = None,
    method: Method = "whispers",
    neighbours: int | None = None,
    cannot_link: object = False,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _done: None,
) -> I64:
    """Group faces by person.

    vectors_or_table: Descriptors, a FaceTable with descriptors, or an array (n, d), which may be
        a memory-mapped file.
    threshold: faces closer than this are joined; by default the model's own, 0.6 for an array, and
        less beyond 50,000 faces: among so many, each has strangers that are closer.
    method: "whispers" joins all close pairs and runs Chinese whispers on that graph, as dlib's
        ``chinese_whispers_clustering``; "newman" splits the graph while that raises its modularity,
        as dlib's ``newman_cluster``.
    neighbours: join each face to so many of its nearest only, and weigh edges by the neighbours
        that both ends have.  None joins all close pairs of up to 50,000 faces, as dlib does, and
        16 of each beyond, which are found with the extra ``phiz[scale]``.
    cannot_link: True keeps faces of one picture of a table apart; for vectors, integers (n,) that
        say which picture each face is in.
    seed: of the random numbers; 0 is dlib's own fresh state.
    progress: called with the number of faces compared so far.

    Returns (n,) int64 labels, numbered by first appearance.  Raises OptionError, ShapeError,
    MissingExtra.
    """
    if method not in METHODS:
        raise OptionError(f"method: wanted {' or '.join(METHODS)}, found {method!r}")
    linked = link_faces(
        vectors_or_table, threshold=threshold, neighbours=neighbours, cannot_link=cannot_link,
        progress=progress,
    )  # fmt: skip
    return label_faces(linked, method=method, seed=seed)
