"""Landmarks by networks: face-api.js's models of 68 points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F64, I64, floats
from phiz.errors import ShapeError
from phiz.models.box_styles import BoxStyle
from phiz.models.faceapi_crops import clip_boxes, shows_pixels
from phiz.models.faceapi_input import FaceRunner
from phiz.nets import PixelSpec
from phiz.runtime import Runtime
from phiz.values import Faces, Landmarks, Scheme

if TYPE_CHECKING:
    from phiz.imaging import ImageLike

__all__ = ["FaceapiLandmarker", "from_square"]


def from_square(points: F64, crops: I64) -> F64:
    """Return points in pixels from their crop's corner.

    points: (n, k, 2) float64, in parts of the square that the crop was padded to.  crops: (n, 4)
    int64.  Half of the padding is taken off each axis, though an odd one is not split evenly.
    """
    sides = (crops[:, 2:] - crops[:, :2]).astype(np.float64)[:, None]
    square = sides.max(axis=2, keepdims=True)
    return np.asarray(points * square - (square - sides) / 2, np.float64)


class FaceapiLandmarker:
    """Places 68 landmarks with a network of face-api.js; threads may share one.

    The network looks at the part of the picture that a box shows, padded to a square; a batch
    gives the points of its single runs.  Boxes are those of face-api.js's own detectors, best of
    its Tiny Face Detector; see :mod:`phiz.models.box_styles`.
    """

    device = "cpu"
    scheme: Scheme = "ibug-68"
    box_style: BoxStyle = "faceapi-tiny"

    def __init__(
        self, session: Session, *, name: str, identity: str, pixels: PixelSpec, runtime: Runtime
    ) -> None:
        """Wrap a session that takes ``pixels`` (n, side, side, 3) float32 and gives ``points``.

        pixels: the pixels it takes.
        """
        self.name = name
        self.identity = identity
        self._run = FaceRunner(session, pixels, name, runtime)

    def __repr__(self) -> str:
        return f"FaceapiLandmarker({self.name!r}, {self.scheme})"

    def __call__(self, image: ImageLike, faces: object) -> Landmarks:
        """Find the landmarks of each face in a picture.

        image: see :func:`phiz.imaging.as_image`.
        faces: :class:`Faces`, or boxes (n, 4) or (4,), right and bottom exclusive; they may leave
            the picture.

        Returns Landmarks (n, 68, 2), not rounded.  As in the original, points are counted from
        the box's own corner, though what was seen starts at a whole pixel inside the picture.
        Raises ShapeError for a box that shows no whole pixel: there is nothing to find in it.
        """
        from phiz.imaging import as_image  # brings Pillow

        picture = as_image(image)
        given = np.asarray(faces.boxes if isinstance(faces, Faces) else faces)
        boxes = floats(given[None] if given.shape == (4,) else given, (None, 4), name="boxes")
        height, width = picture.shape[:2]
        seen = shows_pixels(boxes, width, height)
        if not seen.all():
            worst = int(np.argmin(seen))
            raise ShapeError(
                f"boxes: wanted a whole pixel of the {width} x {height} picture in each, found "
                f"{' '.join(f'{side:g}' for side in boxes[worst])} at index {worst}"
            )
        crops = clip_boxes(boxes.astype(np.float64), width, height)
        found = self._run.places(picture, crops)["points"].astype(np.float64)
        points = from_square(found.reshape(len(found), found.shape[1] // 2, 2), crops)
        return Landmarks((points + boxes[:, None, :2]).astype(np.float32), self.scheme)
