"""Clusters that are probably one person: many of their faces are joined, but not most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phiz.checks import I64, check
from phiz.clustering.graph import distances_of
from phiz.clustering.linking import LinkedFaces
from phiz.clustering.pictures import Pictures
from phiz.errors import OptionError

__all__ = ["Merge", "suggest_merges"]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two clusters that may be one person.

    one, other: their labels, the smaller first.  edges: how many pairs of a face here and a face
    there are joined.  share: of all such pairs.  distance: mean distance of the joined pairs.
    """

    one: int
    other: int
    edges: int
    share: float
    distance: float


def _seen_together(pictures: Pictures, labels: I64, one: I64, other: I64) -> NDArray[np.bool_]:
    """Say of each two clusters whether a picture shows both."""
    seen: dict[int, set[int]] = {int(label): set() for label in {*one.tolist(), *other.tolist()}}
    for label, picture in zip(labels.tolist(), pictures.picture.tolist(), strict=True):
        if label in seen:
            seen[label].add(picture)
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    return np.array([not seen[a].isdisjoint(seen[b]) for a, b in pairs], np.bool_)


def suggest_merges(linked: LinkedFaces, labels: I64, *, least: int = 2) -> list[Merge]:
    """List clusters that are joined by many edges, those with the largest share of them first.

    labels: (n,) int64.  least: edges below which two clusters are not listed.  Clusters
    that share a picture are not listed where that keeps faces apart.

    Where each face is joined to its nearest only, the share is of those pairs that could be joined:
    a cluster's faces have no more neighbours than that each.  Raises ShapeError.
    """
    if least < 1:
        raise OptionError(f"least: wanted 1 or more, found {least}")
    check(labels, (len(linked),), dtype=np.int64, name="labels")
    if not len(linked):
        return []
    names, cluster, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    cluster = cluster.reshape(-1)
    source = np.repeat(np.arange(len(linked)), np.diff(linked.graph.starts))
    across = cluster[source] < cluster[linked.graph.neighbours]
    here, there = source[across], linked.graph.neighbours[across].astype(np.int64)
    keys, which, edges = np.unique(
        cluster[here] * len(names) + cluster[there], return_inverse=True, return_counts=True
    )
    distance = np.bincount(
        which.reshape(-1), distances_of(linked.vectors, here, there, linked.metric), len(keys)
    ) / np.maximum(edges, 1)
    one, other = keys // len(names), keys % len(names)
    possible = sizes[one] * sizes[other]
    if linked.neighbours is not None:
        possible = np.minimum(possible, linked.neighbours * (sizes[one] + sizes[other]))
    share = edges / possible
    keep = edges >= least
    if linked.pictures is not None:
        keep[keep] = ~_seen_together(linked.pictures, cluster, one[keep], other[keep])
    order = [i for i in np.lexsort((keys, -edges, -share)).tolist() if keep[i]]
    return [
        Merge(
            int(names[one[i]]),
            int(names[other[i]]),
            int(edges[i]),
            float(share[i]),
            float(distance[i]),
        )
        for i in order
    ]
