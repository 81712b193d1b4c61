"""One picture or many: what models accept as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phiz.checks import U8
from phiz.errors import ImageError
from phiz.imaging import as_image

__all__ = ["image_list"]


def image_list(images: object, *, gray: bool = False) -> tuple[list[U8], bool]:
    """Return pictures as arrays, and whether they came as a batch.

    images: one picture, a sequence of them (of different sizes, if need be), or an array
    (n, h, w, 3).  See :func:`phiz.imaging.as_image`.
    """
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return [as_image(image, gray=gray) for image in list(images)], True
    if isinstance(images, Sequence) and not isinstance(images, (str, bytes)):
        for index, image in enumerate(images):
            if isinstance(image, (int, float)):
                raise ImageError(
                    f"a list of pictures wants pictures, found a number at index {index}"
                )
        return [as_image(image, gray=gray) for image in images], True
    return [as_image(images, gray=gray)], False  # type: ignore[arg-type]
