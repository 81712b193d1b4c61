"""Face descriptors from a network."""

from __future__ import annotations

import math

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, U8, check
from phiz.errors import OptionError, ShapeError
from phiz.geometry import ChipSpec
from phiz.rng import DlibRandom
from phiz.values import Descriptors, Metric

__all__ = ["NetDescriber"]

_BATCH = 32  # chips a run: larger ones are no faster and take more memory


class NetDescriber:
    """Turns chips into descriptors; threads may share one.

    A batch gives exactly the numbers of its single runs.
    """

    device = "cpu"

    def __init__(
        self,
        session: Session,
        *,
        name: str,
        identity: str,
        chip: ChipSpec,
        space: str,
        threshold: float,
        metric: Metric = "euclidean",
    ) -> None:
        self.name = name
        self.identity = identity
        self.input = chip
        self.space = space
        self.threshold = threshold
        self.metric: Metric = metric
        self._session = session

    def __repr__(self) -> str:
        return f"NetDescriber({self.name!r}, {self.input}, threshold={self.threshold})"

    def __call__(self, chips: U8, *, jitter: int = 0, seed: int = 0) -> Descriptors:
        """Describe aligned faces.

        chips: (n, size, size, 3) uint8 RGB as :func:`phiz.align` cuts them for ``self.input``;
            one chip (size, size, 3) counts as n = 1.
        jitter: describe this many slightly moved copies of each chip and return their mean; 0
            and 1 mean the chip itself.  100 costs a hundred times as much for a little accuracy.
        seed: of dlib's random generator.  Each call starts it afresh (0: as a new dlib model),
            and a batch goes on through it chip by chip, as one dlib model would.

        Returns Descriptors (n, d).  Raises ShapeError for chips of another size.
        """
        images = np.asarray(chips)
        if images.ndim == 3:
            images = images[None]
        size = self.input.size
        check(images, (None, size, size, 3), name=f"chips for {self.name}")
        if images.dtype != np.uint8:
            raise ShapeError(f"chips for {self.name}: wanted uint8 RGB, found {images.dtype}")
        if jitter < 0:
            raise OptionError(f"jitter: wanted 0 or more, found {jitter}")
        if jitter > 1:
            random = DlibRandom(seed)
            vectors = np.array([self._jittered(chip, jitter, random) for chip in images])
        else:
            vectors = self._describe(images)
        return Descriptors(
            vectors.astype(np.float32, copy=False),
            self.space,
            self.metric,
            self.threshold,
        )

    def _jittered(self, chip: U8, count: int, random: DlibRandom) -> F32:
        """Return the mean descriptor of ``count`` moved copies."""
        from phiz.models.chips import jitter_chip

        return self.mean(np.stack([jitter_chip(chip, random) for _ in range(count)]))

    def mean(self, copies: U8) -> F32:
        """Return the mean descriptor (d,) of one face's chips, summed in dlib's order."""
        rows = self._describe(copies)
        total = rows[0].copy()
        for row in rows[1:]:
            total += row
        return np.asarray(total / np.float32(len(rows)), np.float32)

    def _describe(self, chips: U8) -> F32:
        """Run the network; (n, d) float32."""
        parts = []
        for start in range(0, max(len(chips), 1), _BATCH):
            batch = np.ascontiguousarray(chips[start : start + _BATCH])
            (values,) = self._session.run({"image": batch}).values()
            parts.append(values.reshape(len(batch), math.prod(values.shape[1:])))
        return np.concatenate(parts)
