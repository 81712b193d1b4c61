"""How much of a clustering is chance: the same faces clustered with other random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from phiz.checks import F64, I64, check
from phiz.clustering.cluster import Method, label_faces
from phiz.clustering.linking import LinkedFaces
from phiz.errors import OptionError, ShapeError

__all__ = ["Stability", "adjusted_rand", "stability"]


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """How clusters fare with other seeds.

    adjusted_rand: (s,) float64, of each seed's labels with those asked about: 1 the same, 0 as
    chance has it.  together: (c,) float64, of each cluster, the share of its pairs that stay
    together, over all seeds; 1 for a single face.  strangers: (c,) float64, of those whom its faces
    are then put with, the share that this cluster does not have.
    """

    adjusted_rand: F64
    together: F64
    strangers: F64


def _blocks(one: I64, other: I64) -> tuple[I64, I64, I64]:
    """Return the label in each, and the size, of every set of faces that share both labels."""
    many = int(other.max(initial=0)) + 1
    keys, sizes = np.unique(one * many + other, return_counts=True)
    return keys // many, keys % many, sizes.astype(np.int64)


def _pairs(sizes: I64) -> float:
    return float((sizes * (sizes - 1)).sum()) / 2


def _as_labels(labels: object, name: str) -> I64:
    array = np.asarray(labels)
    check(array, (None,), name=name)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ShapeError(f"{name}: wanted integers, found {array.dtype}")
    return np.unique(array, return_inverse=True)[1].reshape(-1).astype(np.int64)


def adjusted_rand(one: object, other: object) -> float:
    """Return how far two clusterings of the same faces agree: 1 equal, 0 as chance has it.

    one, other: (n,) integers.  Source: Hubert and Arabie 1985, "Comparing partitions".

    >>> adjusted_rand([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    """
    first, second = _as_labels(one, "one"), _as_labels(other, "other")
    check(second, (len(first),), name="other")
    both = _pairs(_blocks(first, second)[2])
    here, there = _pairs(np.bincount(first)), _pairs(np.bincount(second))
    every = len(first) * (len(first) - 1) / 2
    chance = here * there / every if every else 0.0
    most = (here + there) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def stability(
    linked: LinkedFaces,
    labels: I64,
    seeds: Sequence[int],
    *,
    method: Method = "whispers",
    progress: Callable[[int], None] = lambda _done: None,
) -> Stability:
    """Cluster again with each seed and compare.

    labels: (n,) int64 from 0, all up to the largest used.  progress: called with the number of
    seeds done.  Raises OptionError, ShapeError.
    """
    check(labels, (len(linked),), dtype=np.int64, name="labels")
    if not seeds:
        raise OptionError("seeds: wanted one or more")
    sizes = np.bincount(labels)
    if labels.size and not (labels.min() >= 0 and sizes.all()):
        raise ShapeError("labels: wanted all numbers from 0 to the largest")
    agreement = []
    kept, others, companions = np.zeros(len(sizes)), np.zeros(len(sizes)), np.zeros(len(sizes))
    for seed in seeds:
        again = label_faces(linked, method=method, seed=seed)
        agreement.append(adjusted_rand(labels, again))
        cluster, block, count = _blocks(labels, again)
        around = np.bincount(again)[block]
        kept += np.bincount(cluster, count * (count - 1), len(sizes))
        others += np.bincount(cluster, count * (around - count), len(sizes))
        companions += np.bincount(cluster, count * (around - 1), len(sizes))
        progress(len(agreement))
    pairs = len(seeds) * sizes * (sizes - 1)
    return Stability(
        np.array(agreement),
        np.where(pairs > 0, kept / np.maximum(pairs, 1), 1.0),
        others / np.maximum(companions, 1),
    )
