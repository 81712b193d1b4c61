"""What a detector calls a face's box, and what a landmark model wants one to be.

Detectors frame faces differently, and landmark models are used to the frames of one of them.  A
detector says how it frames as ``box_style``, a landmark model what it is used to; a model without
that attribute says nothing, and its boxes are taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from phiz.checks import F32
from phiz.values import Faces

__all__ = ["BOX_MAPS", "BoxMap", "BoxStyle", "framed_for"]

BoxStyle: TypeAlias = Literal["dlib-hog", "faceapi-ssd", "faceapi-tiny", "faceapi-tiny-yolov2"]


@dataclass(frozen=True, slots=True)
class BoxMap:
    """Turns boxes of one style into those of another.

    down: how far the middle moves.  width, height: the sides of the new box.  All are fractions
    of the old box's size, the root of its area.
    """

    down: float
    width: float
    height: float

    def __call__(self, boxes: F32) -> F32:
        """Return boxes (n, 4) ``x0 y0 x1 y1`` of the other style, float32."""
        wide = boxes.astype(np.float64)
        sides = wide[:, 2:] - wide[:, :2]
        size = np.sqrt(np.clip(sides, 0.0, None).prod(axis=1))[:, None]
        middle = wide[:, :2] + sides / 2 + size * np.array([0.0, self.down])
        half = size * np.array([self.width, self.height]) / 2
        return np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)


BOX_MAPS: Final[Mapping[tuple[BoxStyle | None, BoxStyle | None], BoxMap]] = MappingProxyType(
    {
        ("faceapi-ssd", "dlib-hog"): BoxMap(0.053, 0.960, 0.960),
        ("faceapi-tiny", "dlib-hog"): BoxMap(-0.063, 0.882, 0.882),
        ("faceapi-tiny-yolov2", "dlib-hog"): BoxMap(0.083, 0.890, 0.890),
        ("dlib-hog", "faceapi-tiny"): BoxMap(0.071, 1.163, 1.110),
    }
)
"""Where another frame gives better points, by (style of the box, style that is wanted).

Medians over faces that both detectors found, in LFW and in the example pictures of dlib and
face-api.js.  Measured on faces that the medians were not taken from, as the mean distance of
points, in parts of the distance of the eyes (outer corners):

- dlib's 68 points, from those on its own HOG box: boxes of face-api.js's SSD as they are 0.053,
  mapped 0.035 (271 faces; medians 0.022 and 0.012); Tiny Face Detector 0.097 and 0.059 (213;
  0.018 and 0.011); Tiny YOLO v2 0.075 and 0.048 (44; 0.025 and 0.014).  dlib's 5 points: 0.027
  and 0.011, 0.051 and 0.019, 0.040 and 0.013.
- face-api.js's 68 points on HOG boxes, from dlib's: as they are 0.070, mapped 0.053 (213 faces);
  from the annotations of dlib's example pictures 0.080 and 0.066 (43).  Framed as the SSD frames
  faces, they are worse than as they are (0.078 and 0.073), and so are dlib's 68 points on mapped
  boxes of MTCNN (0.024 and 0.023, 70 faces): no map is used there.
"""


def framed_for(landmarker: object, faces: Faces, detector: object) -> Faces:
    """Return a detector's faces with boxes as a landmark model wants them.

    They are the same faces, unless :data:`BOX_MAPS` knows a better frame.
    """
    found: BoxStyle | None = getattr(detector, "box_style", None)
    wanted: BoxStyle | None = getattr(landmarker, "box_style", None)
    change = BOX_MAPS.get((found, wanted))
    return faces if change is None else replace(faces, boxes=change(faces.boxes))
