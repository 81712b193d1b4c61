"""What cleaning wants to know of a picture besides its faces: a hash, and how sharp faces are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phiz.checks import F32, U8
from phiz.cleaning.hashing import BITS, perceptual_hash
from phiz.errors import ShapeError
from phiz.facecache import FaceCache
from phiz.imaging import MAX_PIXELS, gray_square, read_image
from phiz.models.boxed import crop_boxes
from phiz.table import FaceTable

__all__ = ["Measures", "measure", "sharpness"]

_VERSION = 1  # raise when the same picture would give other measures
_SIDE = 128  # pixels, to which every face's box is brought before its sharpness is taken


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures of one picture.

    hash: (32,) uint8, see :func:`phiz.cleaning.hashing.perceptual_hash`, or None.
    sharpness: one a face, see :func:`sharpness`.
    """

    hash: U8 | None
    sharpness: tuple[float, ...]


def sharpness(image: U8, boxes: F32) -> tuple[float, ...]:
    """Return the variance of the Laplacian in each box (n, 4) of a picture (h, w, 3).

    Boxes are brought to 128 x 128 gray first, so that the numbers can be compared: low for faces
    out of focus, moved, or of few pixels.  The unit is squared gray levels.  A box without area or
    outside the picture has 0.
    """
    found = []
    for box in boxes:
        try:
            (crop,) = crop_boxes(image, box[None], size=_SIDE)
        except ShapeError:
            found.append(0.0)
            continue
        gray = gray_square(crop, _SIDE).astype(np.float32)
        inner = gray[1:-1, 1:-1]
        around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
        found.append(round(float((around - 4 * inner).var()), 3))
    return tuple(found)


def measure(
    path: Path,
    table: FaceTable,
    *,
    max_pixels: int = MAX_PIXELS,
    cache: FaceCache | None = None,
) -> Measures:
    """Measure a picture.

    table: the faces of this picture, and no other's.  cache: remembers measures.

    Raises ImageError if it cannot be read any more.
    """
    content = table.pictures[0].content_hash
    settings = f"measures {_VERSION} {table.settings_hash}"
    known = _unpack(cache.get_bytes(content, settings), len(table)) if cache else None
    if known is not None:
        return known
    image = read_image(path, max_pixels=max_pixels)
    found = Measures(perceptual_hash(image), sharpness(image, table.boxes))
    if cache:
        cache.put_bytes([(content, settings, _pack(found))])
    return found


def _pack(found: Measures) -> bytes:
    record: dict[str, str | Sequence[float] | None] = {
        "hash": None if found.hash is None else found.hash.tobytes().hex(),
        "sharpness": found.sharpness,
    }
    return json.dumps(record).encode()


def _unpack(blob: bytes | None, faces: int) -> Measures | None:
    """Return the measures that :func:`_pack` wrote; None if they are not here or damaged."""
    if blob is None:
        return None
    try:
        record = json.loads(blob)
        text, sharp = record["hash"], tuple(float(value) for value in record["sharpness"])
        found = None if text is None else np.frombuffer(bytes.fromhex(text), np.uint8)
    except (ValueError, KeyError, TypeError):
        return None
    if len(sharp) != faces or (found is not None and len(found) != BITS // 8):
        return None
    return Measures(found, sharp)
