"""The door to FAISS, which finds the centres of lists, and to the threads of every BLAS."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from phiz.checks import F32
from phiz.errors import MissingExtra

__all__ = ["centres", "needed", "with_blas_threads"]

_PER_CENTRE = 40  # vectors that k-means looks at, for each centre
_ROUNDS = 6  # of k-means: the lists need not be the best, only compact


def needed() -> tuple[ModuleType, ModuleType]:
    """Return faiss and threadpoolctl; MissingExtra with the install line if they are not here."""
    try:
        with warnings.catch_warnings():
            # What SWIG makes of FAISS warns of itself from Python 3.12 on.
            warnings.simplefilter("ignore", DeprecationWarning)
            import faiss
        import threadpoolctl
    except ImportError as error:
        raise MissingExtra(
            "graphs of so many faces need FAISS, which is not installed: pip install 'phiz[scale]'"
        ) from error
    return faiss, threadpoolctl


@contextlib.contextmanager
def with_blas_threads(count: int) -> Iterator[None]:
    """Let every BLAS and OpenMP loaded here use so many threads per call, for the block's length.

    The setting is the process's: other threads that multiply meanwhile are held to it too.
    """
    _, threadpoolctl = needed()
    with threadpoolctl.threadpool_limits(limits=count):
        yield


def centres(vectors: F32, lists: int, *, threads: int, seed: int = 0) -> F32:
    """Return (lists, d) k-means centres of a sample of vectors (n, d)."""
    faiss, _ = needed()
    count = min(len(vectors), _PER_CENTRE * lists)
    chosen = np.random.default_rng(seed).choice(len(vectors), count, replace=False)
    with with_blas_threads(threads):
        means = faiss.Kmeans(
            vectors.shape[1], lists, niter=_ROUNDS, seed=seed + 1,
            min_points_per_centroid=1, max_points_per_centroid=_PER_CENTRE,
        )  # fmt: skip
        means.train(vectors[np.sort(chosen)])
    return np.asarray(means.centroids, np.float32)
