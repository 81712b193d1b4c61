"""Similarity and affine transforms between points, to the last bit as dlib finds them.

The order of every sum and product is dlib's, because the last bit of a transform says on which
side of a pixel a sample falls.  Source: dlib ``point_transforms.h`` (find_similarity_transform,
find_affine_transform: Umeyama 1991) and ``matrix_la.h`` (svd, pinv: Golub and Reinsch 1970, in
"Handbook for Automatic Computation", vol. II).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from phiz.checks import F64
from phiz.kernels._jit import helper, kernel

__all__ = ["affine", "similarity"]

_EPSILON = 2.0**-52
_TINY = 2.0**-1022 / _EPSILON  # a column shorter than its root counts as zero
_ROUNDS = 300  # of QR for one singular value, before giving up as dlib does


def similarity(source: F64, target: F64) -> tuple[F64, F64]:
    """Find the rotation, uniform scale and shift that best move ``source`` onto ``target``.

    source, target: (k, 2) float64.  Returns (matrix (2, 2), shift (2,)), float64, so that
    ``target ~ source @ matrix.T + shift``.  No reflection, except that where
    points lie in a line rounding may say that there is one, as it does in dlib.  Where all points
    of ``source`` coincide the matrix is the identity.
    """
    count = len(source)
    middle_s, middle_t = _total(source) / count, _total(target) / count
    s, t = source - middle_s, target - middle_t
    spread = float(_total((s[:, 0] * s[:, 0] + s[:, 1] * s[:, 1])[:, None])[0]) / count
    together = _total((t[:, :, None] * s[:, None, :]).reshape(count, 4)) * (1 / count)
    u, sizes, v = _svd(together.reshape(2, 2))
    one, other = sizes
    turned = _determinant(together.tolist()) or _determinant([*u[0], *u[1]]) * _determinant(
        [*v[0], *v[1]]
    )
    signs = (1.0, 1.0)
    if turned < 0:
        signs = (1.0, -1.0) if other < one else (-1.0, 1.0)
    scale = 1.0
    if spread != 0:
        scale = 1 / spread * (one * signs[0] + other * signs[1])
    turn = [[(a * signs[0]) * c + (b * signs[1]) * d for c, d in v] for a, b in u]
    x, y = middle_s.tolist()
    shift = [
        to - (a * x + b * y) * scale for to, (a, b) in zip(middle_t.tolist(), turn, strict=True)
    ]
    return np.array(turn) * scale, np.array(shift)


def _total(rows: F64) -> F64:
    """Add rows from the first to the last; ``sum`` may add them in pairs."""
    return np.asarray(rows.cumsum(axis=0)[-1], np.float64)


def _determinant(matrix: list[float]) -> float:
    a, b, c, d = matrix
    return a * d - b * c


def affine(rows: int, columns: int, corners: F64) -> tuple[F64, F64]:
    """Find what moves the corners of a chip of this size onto ``corners`` in a picture.

    corners: (3, 2) float64 x y: where the top left, top right and bottom left pixels belong.
    Returns (matrix (2, 2), shift (2,)), float64: pixel p = (x, y) of the chip goes to
    matrix @ p + shift.  A chip of one row or column has no second direction: least squares.
    """
    found = _product(corners.T, _corner_inverse(rows, columns))
    return np.ascontiguousarray(found[:, :2]), found[:, 2].copy()


def _product(one: F64, other: F64) -> F64:
    """Multiply (n, 3) by (3, m), adding from the first to the last."""
    first, second, third = (one[:, i, None] * other[i] for i in range(3))
    return np.asarray(first + second + third, np.float64)


@functools.lru_cache(maxsize=64)
def _corner_inverse(rows: int, columns: int) -> F64:
    """Return the pseudo-inverse (3, 3) of a chip's corners, which are columns x y 1."""
    right, bottom = columns - 1.0, rows - 1.0
    corners = np.array([[0.0, right, 0.0], [0.0, 0.0, bottom], [1.0, 1.0, 1.0]])
    u, sizes, v = (np.array(part) for part in _svd(corners))
    least = _EPSILON * 3 * sizes.max()
    inverses = np.array([1 / size if size >= least else 0.0 for size in sizes])
    inverse = _product(v * inverses, u.T)
    inverse.setflags(write=False)
    return inverse


def _svd(matrix: F64) -> tuple[list[list[float]], list[float], list[list[float]]]:
    """Return u, sizes, v, so that matrix (n, n) is u @ diag(sizes) @ v.T."""
    n = len(matrix)
    work = np.empty((2 * n + 2, n))
    work[:n] = matrix
    _decompose(work)
    rows = work.tolist()
    return rows[:n], rows[2 * n], rows[n : 2 * n]


@helper()
def _columns_first(u: F64, q: F64, e: F64) -> float:
    """Bring u (n, n) to two diagonals, q and e; return the size of the largest entries.

    The Householder vectors stay in u.
    """
    n = len(q)
    size = g = 0.0
    for i in range(n):
        e[i] = g
        s = 0.0
        for j in range(i, n):
            s += u[j, i] * u[j, i]
        g = 0.0
        if s >= _TINY:
            f = u[i, i]
            g = math.sqrt(s) if f < 0 else -math.sqrt(s)
            h = f * g - s
            u[i, i] = f - g
            for j in range(i + 1, n):
                s = 0.0
                for k in range(i, n):
                    s += u[k, i] * u[k, j]
                f = s / h
                for k in range(i, n):
                    u[k, j] += f * u[k, i]
        q[i] = g
        s = 0.0
        for j in range(i + 1, n):
            s += u[i, j] * u[i, j]
        g = 0.0
        if s >= _TINY:
            f = u[i, i + 1]
            g = math.sqrt(s) if f < 0 else -math.sqrt(s)
            h = f * g - s
            u[i, i + 1] = f - g
            for j in range(i + 1, n):
                e[j] = u[i, j] / h
            for j in range(i + 1, n):
                s = 0.0
                for k in range(i + 1, n):
                    s += u[j, k] * u[i, k]
                for k in range(i + 1, n):
                    u[j, k] += s * e[k]
        y = abs(q[i]) + abs(e[i])
        if y > size:
            size = y
    return size


@helper()
def _accumulate(u: F64, q: F64, e: F64, v: F64) -> None:
    """Turn the Householder vectors in u into the orthogonal matrices u and v, both (n, n)."""
    n = len(q)
    for i in range(n - 1, -1, -1):
        if i + 1 < n:
            g = e[i + 1]
            if g != 0.0:
                h = u[i, i + 1] * g
                for j in range(i + 1, n):
                    v[j, i] = u[i, j] / h
                for j in range(i + 1, n):
                    s = 0.0
                    for k in range(i + 1, n):
                        s += u[i, k] * v[k, j]
                    for k in range(i + 1, n):
                        v[k, j] += s * v[k, i]
            for j in range(i + 1, n):
                v[i, j] = v[j, i] = 0.0
        v[i, i] = 1.0
    for i in range(n - 1, -1, -1):
        g = q[i]
        for j in range(i + 1, n):
            u[i, j] = 0.0
        if g != 0.0:
            h = u[i, i] * g
            for j in range(i + 1, n):
                s = 0.0
                for k in range(i + 1, n):
                    s += u[k, i] * u[k, j]
                f = s / h
                for k in range(i, n):
                    u[k, j] += f * u[k, i]
            for j in range(i, n):
                u[j, i] /= g
        else:
            for j in range(i, n):
                u[j, i] = 0.0
        u[i, i] += 1.0


@helper()
def _turn(columns: F64, one: int, other: int, c: float, s: float) -> None:
    """Turn two columns of a matrix into each other."""
    for j in range(len(columns)):
        y, z = columns[j, one], columns[j, other]
        columns[j, one] = y * c + z * s
        columns[j, other] = -y * s + z * c


@helper()
def _block(q: F64, e: F64, k: int, eps: float, u: F64) -> int:
    """Return where the unreduced block that ends in k begins.

    Where a singular value before it is zero, what couples the block to it is turned away first.
    """
    first = 0
    for low in range(k, 0, -1):
        if abs(e[low]) <= eps:
            return low
        if abs(q[low - 1]) <= eps:
            first = low
            break
    if first > 0:
        c, s = 0.0, 1.0
        for i in range(first, k + 1):
            f = s * e[i]
            e[i] *= c
            if abs(f) <= eps:
                break
            g = q[i]
            q[i] = math.sqrt(f * f + g * g)
            c, s = g / q[i], -f / q[i]
            _turn(u, first - 1, i, c, s)
    return first


@helper()
def _sweep(u: F64, q: F64, e: F64, v: F64, low: int, k: int) -> None:
    """Do one QR step on the block from low to k, shifted by its last two rows."""
    x, y, z, g, h = q[low], q[k - 1], q[k], e[k - 1], e[k]
    f = ((y - z) * (y + z) + (g - h) * (g + h)) / (2 * h * y)
    g = math.sqrt(f * f + 1.0)
    f = ((x - z) * (x + z) + h * (y / (f - g if f < 0 else f + g) - h)) / x
    c = s = 1.0
    for i in range(low + 1, k + 1):
        g, y = e[i], q[i]
        h = s * g
        g *= c
        z = math.sqrt(f * f + h * h)
        e[i - 1] = z
        c, s = f / z, h / z
        f = x * c + g * s
        g = -x * s + g * c
        h = y * s
        y *= c
        _turn(v, i - 1, i, c, s)
        z = math.sqrt(f * f + h * h)
        q[i - 1] = z
        if z != 0:
            c, s = f / z, h / z
        f = c * g + s * y
        x = -s * g + c * y
        _turn(u, i - 1, i, c, s)
    e[low] = 0.0
    e[k] = f
    q[k] = x


@kernel("f8:2")
def _decompose(work: F64) -> None:
    """Decompose a matrix (n, n).

    work: (2 n + 2, n): the matrix, which becomes u; room for v, for the sizes, and to work in.
    """
    n = work.shape[1]
    u, v, q, e = work[:n], work[n : 2 * n], work[2 * n], work[2 * n + 1]
    eps = _EPSILON * _columns_first(u, q, e)
    _accumulate(u, q, e, v)
    for k in range(n - 1, -1, -1):
        low = _block(q, e, k, eps, u)
        rounds = 0
        while low != k:
            rounds += 1
            if rounds > _ROUNDS:
                return
            _sweep(u, q, e, v, low, k)
            low = _block(q, e, k, eps, u)
        if q[k] < 0.0:
            q[k] = -q[k]
            for j in range(n):
                v[j, k] = -v[j, k]
