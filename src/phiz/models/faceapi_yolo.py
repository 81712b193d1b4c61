"""face-api.js's small detectors: the Tiny Face Detector, and Tiny YOLO v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, U8, check
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
from phiz.runtime import Runtime
from phiz.values import Faces

__all__ = ["YoloDetector", "YoloOptions"]

_CELL = 32  # pixels of the square for which the network has one row or column
_OVERLAP = 0.4  # above which two boxes are one face
_ANCHORS = np.array(  # width and height in cells.  Source: face-api.js, tinyYolov2/const.ts
    [
        (1.603231, 2.094468),
        (6.041143, 7.080126),
        (2.882459, 3.518061),
        (4.266906, 5.178857),
        (9.041765, 10.66308),
    ]
)
_NUMBERS = 5  # of each anchor: x, y, width, height, score


@dataclass(frozen=True, slots=True)
class YoloOptions:
    """How the Tiny Face Detector, or Tiny YOLO v2, searches.

    input_size: side of the square that the picture is resized to: 128, 160, 192 ... 608.  Larger
        ones find smaller faces, and take longer in proportion to their area.
    score_threshold: faces score above it; more than 0 and less than 1.
    divisor: what pixels are divided by: 256 as in face-api.js, or 255 as in @vladmandic/face-api.
    """

    input_size: int = 416
    score_threshold: float = 0.5
    divisor: int = 256

    def __post_init__(self) -> None:
        side = self.input_size
        if not isinstance(side, (int, np.integer)) or side % _CELL or not 128 <= side <= 608:
            raise OptionError(
                f"input_size: wanted a multiple of {_CELL}, 128 to 608, found {side!r}"
            )
        check_fraction(self.score_threshold, "score_threshold")
        if self.divisor not in (255, 256):
            raise OptionError(f"divisor: wanted 255 or 256, found {self.divisor!r}")


class YoloDetector(BatchDetector[YoloOptions]):
    """Finds faces with face-api.js's Tiny Face Detector or Tiny YOLO v2; threads may share one.

    Boxes and scores are those of face-api.js 0.22.2 for a tensor of the picture; boxes may leave
    it on every side.  A batch gives exactly the results of its single runs.

    A call's ``threshold`` is used instead of ``score_threshold``; ``upsample`` is 0 or None.
    """

    def __init__(
        self,
        session: Session,
        *,
        mean: tuple[float, float, float],
        name: str,
        identity: str,
        runtime: Runtime,
        options: YoloOptions | None = None,
        box_style: BoxStyle | None = None,
    ) -> None:
        """Make a detector.

        session: its input ``pixels`` is (n, side, side, 3) float32, for every side that is a
            multiple of 32; its one output is (n, 25, side / 32, side / 32).
        mean: RGB, 0..255, subtracted from the pixels before they are divided.
        box_style: how the network frames faces, if that has a name.
        """
        self.name = name
        self.identity = identity
        self.options = options or YoloOptions()
        self._session = session
        self.box_style = box_style
        self._mean = mean
        self._runtime = runtime

    def _chosen(self, upsample: int | None, threshold: float | None) -> YoloOptions:
        check_no_doubling(upsample)
        if threshold is None:
            return self.options
        return replace(self.options, score_threshold=threshold)

    def _find_all(self, pictures: list[U8], options: YoloOptions) -> list[Faces]:
        return find_in_squares(
            self._session,
            pictures,
            lambda values, size: self._decode(values, size, options),
            side=options.input_size,
            mean=self._mean,
            scale=1 / options.divisor,
            runtime=self._runtime,
        )

    def _decode(
        self, values: Mapping[str, F32], size: tuple[int, int], options: YoloOptions
    ) -> Faces:
        """Source: face-api.js 0.22.2, ``TinyYolov2Base``, extractBoxes and detect."""
        (cells,) = values.values()
        cells_a_side = options.input_size // _CELL
        wanted = (len(_ANCHORS) * _NUMBERS, cells_a_side, cells_a_side)
        check(cells, wanted, name=f"{self.name}: cells")
        table = cells.reshape(len(_ANCHORS), _NUMBERS, -1).transpose(2, 0, 1).astype(np.float64)
        scores = sigmoid(table[..., 4])
        cell, anchor = np.nonzero(scores > options.score_threshold)
        scores, x_y, w_h = (
            scores[cell, anchor],
            sigmoid(table[cell, anchor, :2]),
            table[cell, anchor, 2:4],
        )
        # Parts of the square, and then pixels of the picture.
        rows, columns = reshaped(*size, options.input_size)
        scale = options.input_size / np.array([columns, rows]) * (size[1], size[0])
        place = np.stack([cell % cells_a_side, cell // cells_a_side], axis=1)
        with np.errstate(over="ignore", invalid="ignore"):  # of weights that are no detector's
            middle = (place + x_y) / cells_a_side * scale
            half = np.exp(w_h) * _ANCHORS[anchor] / cells_a_side * scale / 2
            boxes = np.concatenate([middle - half, middle + half], axis=1)
            usable = np.isfinite(boxes.astype(np.float32)).all(axis=1)
        scores, boxes = scores[usable], boxes[usable]
        order = np.argsort(scores, kind="stable")[::-1]  # of equal ones the last comes first
        kept = order[overlap_nms(boxes[order], _OVERLAP)]
        return Faces(boxes[kept].astype(np.float32), scores[kept].astype(np.float32))
