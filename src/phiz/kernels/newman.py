"""The loops of Newman's clustering: multiplying by the modularity matrix, and flipping nodes.

The modularity matrix of a graph is its matrix of weights less what a random graph of the same
degrees would have: ``B = A - k k' / 2m``.  Sums run in the order of rows, as dlib takes them, so
that a tie falls as it falls there.
Source: Newman 2006, "Modularity and community structure in networks"; dlib
``modularity_clustering.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64
from phiz.kernels._jit import helper, kernel

__all__ = ["flip_signs", "iterate_power"]


@helper()
def _multiply(
    starts: I64,
    neighbours: NDArray[np.int32],
    weights: F64,
    degrees: F64,
    total: float,
    vector: F64,
    product: F64,
) -> None:
    """Write ``B @ vector`` to product; total: the sum of degrees, 2m."""
    nodes = vector.size
    along = 0.0
    for i in range(nodes):
        along += degrees[i] * vector[i]
    along /= total
    for i in range(nodes):
        value = 0.0
        for e in range(starts[i], starts[i + 1]):
            value += vector[neighbours[e]] * weights[e]
        product[i] = value - along * degrees[i]


@kernel("i8:1 i4:1 f8:1 f8:1 f8 f8 f8 f8:1 f8:1 i8:1")
def iterate_power(
    starts: I64,
    neighbours: NDArray[np.int32],
    weights: F64,
    degrees: F64,
    total: float,
    shift: float,
    still: float,
    vector: F64,
    product: F64,
    left: I64,
) -> None:
    """Turn a vector towards the leading eigenvector of ``B - shift``.

    Stops when no component moves by more than ``still``, after ``left[0]`` rounds, or when the
    product is 0.  vector: (n,), changed, of length 1.  product: (n,), the last product, not
    normalised.  left: (1,), the rounds that remain; negative less 1 where the product was 0.
    """
    nodes = vector.size
    change = still + 1.0
    while left[0] > 0 and change > still:
        left[0] -= 1
        _multiply(starts, neighbours, weights, degrees, total, vector, product)
        square = 0.0
        for i in range(nodes):
            if shift != 0.0:
                product[i] -= shift * vector[i]
            square += product[i] * product[i]
        length = np.sqrt(square)
        if length == 0.0:
            left[0] = -left[0] - 1
            return
        shrink = 1.0 / length
        change = 0.0
        for i in range(nodes):
            value = product[i] * shrink
            change = max(change, abs(vector[i] - value))
            vector[i] = value


@kernel("i8:1 i4:1 f8:1 f8:1 f8:1 f8 f8:1 f8:1")
def flip_signs(
    starts: I64,
    neighbours: NDArray[np.int32],
    weights: F64,
    degrees: F64,
    diagonal: F64,
    total: float,
    vector: F64,
    product: F64,
) -> None:
    """Turn components into signs, then flip single ones while that raises the modularity.

    vector: (n,), changed to -1 and 1.  product: (n,), ``B @ vector`` at the end.  diagonal: that of
    the modularity matrix.
    """
    nodes = vector.size
    for i in range(nodes):
        vector[i] = 1.0 if vector[i] > 0.0 else -1.0
    _multiply(starts, neighbours, weights, degrees, total, vector, product)
    flipped = True
    while flipped:
        flipped = False
        for i in range(nodes):
            step = -2.0 * vector[i]
            if 4.0 * diagonal[i] + 2.0 * step * product[i] > 0.0:
                flipped = True
                vector[i] = -vector[i]
                for e in range(starts[i], starts[i + 1]):
                    product[neighbours[e]] += step * weights[e]
                along = step * degrees[i] / total
                for j in range(nodes):
                    product[j] -= along * degrees[j]
