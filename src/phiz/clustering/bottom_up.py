"""Bottom-up clustering: the closest two clusters become one, until none are close enough."""

from __future__ import annotations

from phiz.checks import F64, I64, check
from phiz.clustering.whispers import by_appearance
from phiz.errors import OptionError

__all__ = ["bottom_up"]


def bottom_up(vectors: F64, *, clusters: int = 1, most: float = 0.6) -> I64:
    """Cluster vectors (n, d) so that no two of a cluster are farther apart than ``most``.

    clusters: stop when only so many are left.

    Returns (n,) int64 labels, numbered by first appearance; they are dlib's.  Takes 32 bytes for
    every pair.
    """
    from phiz.kernels.linkage import link, pair_distances  # the compiler starts when it is needed

    check(vectors, (None, None), name="vectors")
    if clusters < 1:
        raise OptionError(f"clusters: wanted 1 or more, found {clusters}")
    return by_appearance(link(pair_distances(vectors), clusters, most))
