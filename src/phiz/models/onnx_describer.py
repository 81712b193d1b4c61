"""Face descriptors from a network that came with its own description of its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, U8, check, finite
from phiz.errors import OptionError, ShapeError
from phiz.geometry import ChipSpec
from phiz.values import Descriptors, Metric

__all__ = ["OnnxDescriber", "OnnxInput"]

_BATCH = 32


@dataclass(frozen=True, slots=True)
class OnnxInput:
    """What a network wants of a chip: ``(chip - mean) * scale`` in its order of colours.

    name: of the network's input.  batch: how many chips a run takes, None for any number.
    colour: order of the channels.  mean: (3,) in that order, 0 to 255.  scale: (3,).
    layout: whether channels come before rows and columns or after.
    """

    name: str
    batch: int | None
    colour: Literal["RGB", "BGR"]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    layout: Literal["NCHW", "NHWC"]


class OnnxDescriber:
    """Turns chips into descriptors; threads may share one.  Nothing is normalised afterwards."""

    device = "cpu"

    def __init__(
        self,
        session: Session,
        *,
        name: str,
        identity: str,
        chip: ChipSpec,
        given: OnnxInput,
        space: str,
        threshold: float,
        metric: Metric,
    ) -> None:
        self.name = name
        self.identity = identity
        self.input = chip
        self.space = space
        self.threshold = threshold
        self.metric: Metric = metric
        self._session = session
        self._given = given

    def __repr__(self) -> str:
        return f"OnnxDescriber({self.name!r}, {self.input}, threshold={self.threshold})"

    def __call__(
        self,
        chips: U8,
        *,
        jitter: int = 0,
        seed: int = 0,  # noqa: ARG002 - every describer takes one
    ) -> Descriptors:
        """Describe aligned faces.

        chips: (n, size, size, 3) uint8 RGB as :func:`phiz.align` cuts them for ``self.input``.
        jitter, seed: moved copies belong to dlib's chips: 0 or 1 only; the seed says nothing.

        Returns Descriptors (n, d).  Raises ShapeError for chips of another size and for a network
        that does not give one vector of finite numbers for each, OptionError for jitter.
        """
        size = self.input.size
        check(chips, (None, size, size, 3), dtype=np.uint8, name=f"chips for {self.name}")
        if jitter not in (0, 1):
            raise OptionError(
                f"jitter: {self.name} describes a face as it is, wanted 0 or 1, found {jitter}"
            )
        step = self._given.batch or _BATCH
        # Of no chip one black one is described: the network says how long its vectors are.
        padded = chips if len(chips) else np.zeros((1, size, size, 3), np.uint8)
        parts = [self._describe(padded[at : at + step]) for at in range(0, len(padded), step)]
        vectors = np.concatenate(parts)[: len(chips)]
        finite(vectors, name=f"descriptors of {self.name}")
        return Descriptors(vectors, self.space, self.metric, self.threshold)

    def _describe(self, chips: U8) -> F32:
        given = self._given
        ordered = chips if given.colour == "RGB" else chips[..., ::-1]
        pixels = (ordered - np.array(given.mean, np.float32)) * np.array(given.scale, np.float32)
        count = len(pixels)
        if given.batch is not None:
            pixels = np.concatenate([pixels, np.zeros((given.batch - count, *pixels.shape[1:]))])
            pixels = pixels.astype(np.float32)
        if given.layout == "NCHW":
            pixels = pixels.transpose(0, 3, 1, 2)
        (values,) = self._session.run({given.name: np.ascontiguousarray(pixels)}).values()
        if values.ndim < 2 or values.shape[0] != len(pixels) or values.dtype != np.float32:
            raise ShapeError(
                f"{self.name}: wanted a float32 vector for each of {len(pixels)} chips, "
                f"found {values.dtype} {values.shape}"
            )
        return np.asarray(values.reshape(len(values), -1)[:count], np.float32)
