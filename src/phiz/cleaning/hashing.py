"""A hash of what a picture looks like: near for copies that were scaled or compressed again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64, U8, check
from phiz.clustering import neighbour_graph
from phiz.imaging import gray_square

__all__ = ["BITS", "hash_distance", "near_pairs", "perceptual_hash"]

BITS = 256
"""Bits of a hash; those of two unrelated pictures differ in about half."""

_REDUCED = 64  # pixels, side of the gray picture that is transformed
_KEPT = 16  # frequencies kept along each side
_FLAT = 2.0  # standard deviation in gray levels below which a picture shows nothing


def _cosines() -> F64:
    """Return the first rows (16, 64) of the discrete cosine transform."""
    place = (np.arange(_REDUCED) + 0.5) * np.pi / _REDUCED
    return np.cos(np.arange(_KEPT)[:, None] * place)


def perceptual_hash(image: U8) -> U8 | None:
    """Hash a picture (h, w, 3) uint8 RGB by its 16 x 16 lowest frequencies.

    The picture is reduced to 64 x 64 gray and transformed; each bit says whether a coefficient is
    above their median.  Returns (32,) uint8, 256 bits, or None for a picture of one shade.
    """
    gray = gray_square(image, _REDUCED).astype(np.float64)
    if gray.std() < _FLAT:
        return None
    rows = _cosines()
    found = rows @ gray @ rows.T
    return np.packbits(found > np.median(found))


def hash_distance(one: U8, other: U8) -> int:
    """Return in how many bits two hashes (32,) differ."""
    return int(np.unpackbits(one ^ other).sum())


def near_pairs(hashes: Sequence[U8] | U8, most: int) -> tuple[I64, I64]:
    """Return pairs of hashes that differ in at most ``most`` bits, and in how many.

    hashes: (n, 32) uint8.  Returns (m, 2) int64 indices, the lower first, and (m,) int64.

    By blocks of matrix products: 100,000 hashes take a minute and 700 MB.  Of many equal hashes
    each is paired with the first of them only.
    """
    packed = np.asarray(hashes, np.uint8).reshape(-1, BITS // 8)
    check(packed, (None, BITS // 8), dtype=np.uint8, name="hashes")
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    first, inverse = first.astype(np.int64), inverse.reshape(-1)
    copies = np.flatnonzero(first[inverse] != np.arange(len(packed)))
    equal = np.stack([first[inverse[copies]], copies], axis=1)
    bits: NDArray[np.float32] = np.unpackbits(packed[first], axis=1).astype(np.float32)
    # Squared distances of rows of 0 and 1 are numbers of bits.
    graph = neighbour_graph(bits, float(np.sqrt(most + 0.5)))
    one = np.repeat(np.arange(len(first)), np.diff(graph.starts))
    other = graph.neighbours.astype(np.int64)
    above = one < other
    pairs = np.sort(np.stack([first[one[above]], first[other[above]]], axis=1), axis=1)
    pairs = np.concatenate([equal, pairs])
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    differ = np.unpackbits(packed[pairs[:, 0]] ^ packed[pairs[:, 1]], axis=1).sum(axis=1)
    return pairs, differ.astype(np.int64)
