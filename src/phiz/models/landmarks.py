"""Landmarks by regression trees: dlib's shape predictors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phiz.checks import F64, I64, U8
from phiz.geometry import to_inclusive
from phiz.models.box_styles import BoxStyle
from phiz.runtime import Runtime
from phiz.values import Faces, Forest, Landmarks, Scheme

if TYPE_CHECKING:
    from phiz.imaging import ImageLike

__all__ = ["ForestLandmarker", "place_forest"]


def place_forest(forest: Forest, picture: U8, rectangles: I64, runtime: Runtime) -> F64:
    """Find the points of each rectangle in a picture.

    picture: (h, w) or (h, w, 3) uint8.  rectangles: (n, 4) int64, right and bottom inclusive.

    Returns (n, points, 2) float64, whole pixels, which may lie outside the picture.
    """
    from phiz.kernels.forest import place_points  # the kernels are loaded when they are needed

    pixels = np.ascontiguousarray(picture[:, :, None] if picture.ndim == 2 else picture)
    initial = forest.initial.reshape(-1)
    leaves = forest.leaves.reshape(*forest.leaves.shape[:3], -1)

    def place(rectangle: I64) -> F64:
        out = np.empty(2 * forest.points)
        place_points(
            pixels,
            rectangle,
            initial,
            forest.anchors,
            forest.deltas,
            forest.splits,
            forest.thresholds,
            leaves,
            out,
        )
        return out

    rows = runtime.map(place, np.ascontiguousarray(rectangles, np.int64))
    return np.array(rows, np.float64).reshape(len(rows), forest.points, 2)


class ForestLandmarker:
    """Places landmarks on faces with dlib's shape predictors; threads may share one.

    Every point is the one dlib gives for the same box.  The models are trained on boxes of
    dlib's HOG detector: give them square boxes that cover brows to chin.  The pipeline does, see
    :mod:`phiz.models.box_styles`.
    """

    device = "cpu"

    def __init__(
        self,
        forest: Forest,
        *,
        name: str,
        identity: str,
        scheme: Scheme,
        runtime: Runtime,
        box_style: BoxStyle | None = None,
    ) -> None:
        """Wrap a forest.  box_style: the boxes that it was trained on, if they have a name."""
        self.name = name
        self.identity = identity
        self.scheme: Scheme = scheme
        self.box_style = box_style
        self._forest = forest
        self._runtime = runtime

    def __repr__(self) -> str:
        return f"ForestLandmarker({self.name!r}, {self.scheme})"

    def __call__(self, image: ImageLike, faces: object) -> Landmarks:
        """Find the landmarks of each face in a picture.

        image: see :func:`phiz.imaging.as_image`; a one-channel array is taken as it is.
        faces: :class:`Faces`, or boxes (n, 4) or (4,), right and bottom exclusive.

        Returns Landmarks (n, k, 2), whole pixels, which may lie outside the picture.
        """
        boxes = faces.boxes if isinstance(faces, Faces) else faces
        return self.place(image, to_inclusive(boxes))

    def place(self, image: ImageLike, rectangles: I64) -> Landmarks:
        """Find the landmarks in dlib rectangles (n, 4) int64, right and bottom inclusive."""
        from phiz.imaging import as_image  # Pillow is loaded when it is needed

        rows = place_forest(self._forest, as_image(image, gray=True), rectangles, self._runtime)
        return Landmarks(rows.astype(np.float32), self.scheme)
