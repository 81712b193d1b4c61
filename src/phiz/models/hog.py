"""HOG detectors: dlib's frontal face detector and any other trained with its scan_fhog_pyramid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phiz.checks import U8
from phiz.errors import OptionError
from phiz.geometry import greedy_nms
from phiz.models.box_styles import BoxStyle
from phiz.models.detector import BatchDetector
from phiz.models.hog_pyramid import boxes_of, search_picture
from phiz.models.hog_scan import Frame, Hits, HogBank, factor, join, score_level
from phiz.runtime import Runtime
from phiz.values import Faces, FhogDetector

__all__ = ["HogDetector", "HogOptions"]


@dataclass(frozen=True, slots=True)
class HogOptions:
    """How a HOG detector searches.

    upsample: how many times the picture is doubled first.  At 0 the smallest face found is about
        80 pixels wide, at 1 about 40; each step costs four times the time.
    threshold: added to the detector's own; below 0 finds more and is wrong more often.
    """

    upsample: int = 0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.upsample, (int, np.integer)) or not 0 <= self.upsample <= 8:
            raise OptionError(f"upsample: wanted a whole number 0 to 8, found {self.upsample!r}")
        if not np.isfinite(self.threshold):
            raise OptionError(f"threshold: wanted a finite number, found {self.threshold!r}")


class HogDetector(BatchDetector[HogOptions]):
    """Finds faces with dlib's HOG detectors; threads may share one.

    Boxes, their order and the sub-detector are dlib's; scores agree within 1e-4 (typically 2e-6:
    sums are taken in another order).  A one-channel array is searched as dlib searches a grayscale
    picture.  ``labels`` of the faces is the pose of the sub-detector, ``sub`` its index.
    """

    _gray = True
    box_style: BoxStyle = "dlib-hog"

    def __init__(
        self,
        detector: FhogDetector,
        *,
        name: str,
        identity: str,
        runtime: Runtime,
        options: HogOptions | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> None:
        self.name = name
        self.identity = identity
        self.options = options or HogOptions()
        self.labels = labels
        self._runtime = runtime
        self._bank = factor(detector)
        self._frame = Frame.around([self._bank])

    @property
    def value(self) -> FhogDetector:
        """What the weight file says."""
        return self._bank.value

    @property
    def bank(self) -> HogBank:
        """Its filters as they are run."""
        return self._bank

    def _chosen(self, upsample: int | None, threshold: float | None) -> HogOptions:
        options = self.options
        if upsample is not None:
            options = replace(options, upsample=upsample)
        if threshold is not None:
            options = replace(options, threshold=threshold)
        return options

    def _find_all(self, pictures: list[U8], options: HogOptions) -> list[Faces]:
        if len(pictures) == 1:
            return [self._find(pictures[0], options)]
        return self._runtime.map(lambda picture: self._find(picture, options), pictures)

    def _find(self, image: U8, options: HogOptions) -> Faces:
        def score(planes: U8, level: int) -> Hits:
            banks, adjust = [self._bank], options.threshold
            return score_level(self._runtime, planes, level, banks, self._frame, adjust)[0]

        value = self.value
        reach = value.max_levels, value.min_layer
        levels = search_picture(self._runtime, image, options.upsample, reach, score)
        return self._gather(join(levels), options.upsample)

    def _gather(self, hits: Hits, upsample: int) -> Faces:
        """Suppress duplicates, and undo the upsampling."""
        order = np.lexsort((hits.sub, -hits.scores))  # stable: ties stay in dlib's order
        order = order[greedy_nms(hits.rectangles[order], *self.value.nms)]
        sub = hits.sub[order]
        return Faces(
            boxes=boxes_of(hits.rectangles[order], upsample),
            scores=hits.scores[order].astype(np.float32),
            labels=None if self.labels is None else tuple(self.labels[i] for i in sub),
            sub=sub,
        )
