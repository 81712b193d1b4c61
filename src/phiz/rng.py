"""dlib's random generator, bit for bit.

A face jittered or a graph clustered by dlib depends on the numbers its ``dlib::rand`` draws, so
parity needs the same ones.  Source: dlib ``rand_kernel_1.h``: MT19937 whose first 10,000 outputs
are thrown away.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["DlibRandom"]

_DEFAULT_SEED = 5489
_DISCARDED = 10_000


def _mersenne_seed(text: str) -> int:
    """Fold a seed string into the generator's 32 bits."""
    seed = 0
    for byte in text.encode():
        char = byte - 256 if byte > 127 else byte  # a C char is signed where dlib runs
        seed = (seed * 37 + char) % 2**32
    return seed if text else _DEFAULT_SEED


class DlibRandom:
    """A stream of random numbers; not safe to share between threads.

    seed: 0 or "" is the state of a freshly made ``dlib::rand``; any other integer is
        ``dlib::rand(seed)``; a string is ``set_seed``.
    """

    def __init__(self, seed: int | str = 0) -> None:
        text = "" if seed == 0 else str(seed)
        self._spare: float | None = None
        self._bits = np.random.RandomState(_mersenne_seed(text))
        self.words(_DISCARDED)

    def words(self, count: int) -> NDArray[np.uint32]:
        """Return the next ``count`` 32-bit outputs."""
        return np.frombuffer(self._bits.bytes(4 * count), "<u4").astype(np.uint32, copy=False)

    def wide(self, count: int) -> NDArray[np.uint64]:
        """Return the next ``count`` 64-bit numbers (two outputs each, high word first)."""
        pairs = self.words(2 * count).astype(np.uint64).reshape(count, 2)
        return np.asarray((pairs[:, 0] << np.uint64(32)) | pairs[:, 1], np.uint64)

    def double(self) -> float:
        """Return the next number in [0, 1), 48 bits of it random."""
        high, low = (int(word) & 0xFFFFFF for word in self.words(2))
        return ((high << 24) + low) / (2**48 - 1 + 0.05)

    def gaussian(self) -> float:
        """Return the next normal number: mean 0, deviation 1.

        Pairs by the polar method, first the real part; the other is kept for the next call.
        """
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        square = 0.0
        while not 0 < square < 1:
            x, y = (2.0 * (int(word) / 0xFFFFFFFF) - 1.0 for word in self.words(2))
            square = x * x + y * y
        scale = math.sqrt(-2.0 * math.log(square) / square)
        self._spare = y * scale
        return x * scale

    def gaussians(self, count: int) -> NDArray[np.float64]:
        """Return the next ``count`` normal numbers, those that as many calls of one would give."""
        found = np.empty(count + 1)
        done = 0
        if count and self._spare is not None:
            found[0], self._spare, done = self._spare, None, 1
        while done < count:
            # As many pairs as are wanted at least: some are refused, so none is drawn too much.
            pairs = 2.0 * (self.words(count - done + (count - done) % 2) / 0xFFFFFFFF) - 1.0
            pairs = pairs.reshape(-1, 2)
            squares = pairs[:, 0] * pairs[:, 0] + pairs[:, 1] * pairs[:, 1]
            good = (squares > 0) & (squares < 1)
            logs = np.array([math.log(square) for square in squares[good].tolist()], np.float64)
            values = pairs[good] * np.sqrt(-2.0 * logs / squares[good])[:, None]
            found[done : done + values.size] = values.ravel()
            done += values.size
        if done > count:
            self._spare = float(found[count])
        return found[:count]

    def uniform(self, low: float, high: float) -> float:
        """Return the next number in [low, high)."""
        return low + self.double() * (high - low)
