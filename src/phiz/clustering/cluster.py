"""Descriptors to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from phiz.checks import I64, floats
from phiz.clustering.graph import neighbour_graph
from phiz.clustering.whispers import whisper
from phiz.errors import OptionError
from phiz.table import FaceTable
from phiz.values import Descriptors, Metric

__all__ = ["cluster"]

_THRESHOLD = 0.6  # of bare vectors: dlib's


def cluster(
    vectors_or_table: object,
    *,
    threshold: float | None = None,
    method: Literal["whispers"] = "whispers",
    progress: Callable[[int], None] = lambda _done: None,
) -> I64:
    """Group faces by person.

    vectors_or_table: Descriptors, a FaceTable with descriptors, or an array (n, d).
    threshold: faces closer than this are joined; by default the model's own, 0.6 for an array.
    method: "whispers" joins all close pairs and runs Chinese whispers on that graph, as dlib's
        ``chinese_whispers_clustering``.
    progress: called with the number of faces compared so far.

    Returns (n,) int64 labels, numbered by first appearance.
    """
    if method != "whispers":
        raise OptionError(f"method: wanted whispers, found {method!r}")
    metric: Metric = "euclidean"
    own = _THRESHOLD
    if isinstance(vectors_or_table, FaceTable):
        vectors_or_table = vectors_or_table.described()
    if isinstance(vectors_or_table, Descriptors):
        metric, own = vectors_or_table.metric, vectors_or_table.threshold
        vectors = vectors_or_table.vectors
    else:
        vectors = floats(vectors_or_table, (None, None), name="vectors")
    limit = own if threshold is None else threshold
    graph = neighbour_graph(np.ascontiguousarray(vectors), limit, metric=metric, progress=progress)
    return whisper(graph)
