"""face-api.js's SSD MobileNet V1: the most exact of its face detectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, I64, U8, check
from phiz.errors import OptionError
from phiz.geometry import overlap_nms
from phiz.models.box_styles import BoxStyle
from phiz.models.detector import BatchDetector
from phiz.models.faceapi_squares import (
    check_fraction,
    check_no_doubling,
    find_in_squares,
    reshaped,
    sigmoid,
)
from phiz.nets import PixelSpec
from phiz.runtime import Runtime
from phiz.values import Faces

__all__ = ["SsdDetector", "SsdOptions"]

_FACE = 1  # the class; 0 is background, and 2 is not used
_OVERLAP = 0.5  # above which two boxes are one face
_CENTRE, _SIZE = np.float32(10), np.float32(5)  # what moves of a box are multiplied by


@dataclass(frozen=True, slots=True)
class SsdOptions:
    """How the SSD detector searches.

    min_confidence: faces score above it; more than 0 and less than 1.
    max_results: how many faces of a picture are returned at most, the best ones.
    """

    min_confidence: float = 0.5
    max_results: int = 100

    def __post_init__(self) -> None:
        check_fraction(self.min_confidence, "min_confidence")
        most = self.max_results
        if not isinstance(most, (int, np.integer)) or isinstance(most, bool) or most < 1:
            raise OptionError(f"max_results: wanted a whole number from 1, found {most!r}")


class SsdDetector(BatchDetector[SsdOptions]):
    """Finds faces with face-api.js's SSD MobileNet V1; threads may share one.

    Boxes and scores are those of face-api.js 0.22.2 for a tensor of the picture.  Boxes are cut
    at the square that the picture is padded to: they never begin outside the picture, but may end
    beyond its shorter side.  A batch gives exactly the results of its single runs.

    A call's ``threshold`` is used instead of ``min_confidence``; ``upsample`` is 0 or None.
    """

    box_style: BoxStyle = "faceapi-ssd"

    def __init__(
        self,
        session: Session,
        anchors: F32,
        *,
        pixels: PixelSpec,
        name: str,
        identity: str,
        runtime: Runtime,
        options: SsdOptions | None = None,
    ) -> None:
        """Make a detector.

        session: its input ``pixels`` is (n, side, side, 3) float32; its outputs are ``boxes``,
            (n, 1, m, 4), and ``classes``, (n, 1, m, 3).
        anchors: (m, 4) float32 ``y0 x0 y1 x1``, parts of the square.
        pixels: the pixels it takes; their side is known.
        """
        check(anchors, (None, 4), dtype=np.float32, name="anchors")
        if pixels.side is None:
            raise OptionError(f"{name}: wanted pixels of one size, found of any")
        self.name = name
        self.identity = identity
        self.options = options or SsdOptions()
        self._session = session
        self._sizes = anchors[:, 2:] - anchors[:, :2]
        self._centres = anchors[:, :2] + self._sizes / np.float32(2)
        self._pixels = pixels
        self._side = pixels.side
        self._runtime = runtime

    def _chosen(self, upsample: int | None, threshold: float | None) -> SsdOptions:
        check_no_doubling(upsample)
        if threshold is None:
            return self.options
        return replace(self.options, min_confidence=threshold)

    def _find_all(self, pictures: list[U8], options: SsdOptions) -> list[Faces]:
        return find_in_squares(
            self._session,
            pictures,
            lambda values, size: self._decode(values, size, options),
            side=self._side,
            mean=self._pixels.mean,
            scale=self._pixels.scale,
            runtime=self._runtime,
        )

    def _decode(
        self, values: Mapping[str, F32], size: tuple[int, int], options: SsdOptions
    ) -> Faces:
        """Source: face-api.js 0.22.2, ``outputLayer``, ``nonMaxSuppression``, ``locateFaces``."""
        count = len(self._sizes)
        check(values["boxes"], (1, count, 4), name=f"{self.name}: boxes")
        check(values["classes"], (1, count, 3), name=f"{self.name}: classes")
        logits = values["classes"][0, :, _FACE]
        scores = sigmoid(logits.astype(np.float64)).astype(np.float32)
        found = np.flatnonzero(scores.astype(np.float64) > options.min_confidence)
        found = found[np.argsort(-scores[found], kind="stable")]
        boxes = self._boxes(values["boxes"][0, found], found)
        usable = np.isfinite(boxes).all(axis=1)
        found, boxes = found[usable], boxes[usable]
        kept = overlap_nms(boxes, _OVERLAP, options.max_results)
        return Faces(self._to_picture(boxes[kept], size), scores[found[kept]])

    def _boxes(self, encoded: F32, anchors: I64) -> F32:
        """Turn what the network says of these anchors into (n, 4) y0 x0 y1 x1 of the square."""
        sizes = self._sizes[anchors]
        with np.errstate(over="ignore", invalid="ignore"):  # of weights that are no detector's
            centres = encoded[:, :2] / _CENTRE * sizes + self._centres[anchors]
            half = np.exp(encoded[:, 2:] / _SIZE) * sizes / np.float32(2)
            return np.concatenate([centres - half, centres + half], axis=1)

    def _to_picture(self, boxes: F32, size: tuple[int, int]) -> F32:
        """Turn parts of the square into x0 y0 x1 y1 of a picture of (rows, columns)."""
        inside = reshaped(*size, self._side)
        y, x = (self._side / part * whole for part, whole in zip(inside, size, strict=True))
        parts = np.clip(boxes.astype(np.float64), 0, 1)
        return (parts[:, [1, 0, 3, 2]] * (x, y, x, y)).astype(np.float32)
