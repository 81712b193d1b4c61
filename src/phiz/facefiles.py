"""From picture files to files of their faces, and to files without them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from phiz.cache import writing
from phiz.checks import U8
from phiz.errors import OptionError, PhizError
from phiz.facecache import FaceCache
from phiz.geometry import ChipSpec
from phiz.imaging import Metadata, decode, decode_original, encode, encode_original, read_content
from phiz.models.align import align
from phiz.models.boxed import crop_boxes
from phiz.models.redaction import Redaction, redact_pixels
from phiz.pipeline import Recipe, locate
from phiz.table import FaceTable, Picture
from phiz.values import Landmarks

__all__ = ["Boxed", "Cut", "crop_file", "redact_file"]

_QUALITY = 95  # of crops that are JPEGs


@dataclass(frozen=True, slots=True)
class Boxed:
    """Crops that are boxes; see :func:`phiz.models.boxed.crop_boxes`."""

    margin: float = 0.2
    size: int | None = None
    pad: bool = False


Cut: TypeAlias = "ChipSpec | Boxed"
"""How faces are cut out: aligned by their landmarks, or as boxes."""


def crop_file(
    path: Path,
    recipe: Recipe,
    cut: Cut,
    target: Callable[[int], Path],
    *,
    smallest: float = 0,
    cache: FaceCache | None = None,
) -> FaceTable:
    """Write every face of a picture into a file of its own.

    recipe: finds the faces; it wants a landmark model where ``cut`` aligns them.
    target: gives the file of a face by its number, 0 for the best score; the ending says its kind.
    smallest: faces whose box has a shorter side than this many pixels are left out.
    cache: remembers what was found.

    Returns the faces that were written, with a column ``crop``: the files.  A picture that cannot
    be read, or a file that cannot be written, gives an empty table whose ``pictures[0].error``
    says why.
    """

    def work() -> FaceTable:
        data = read_content(path)
        image = decode(data, label=str(path), max_pixels=recipe.max_pixels)
        table = _found(image, data, path, recipe, cache)
        sides = table.boxes[:, 2:] - table.boxes[:, :2]
        table = table[sides.min(axis=1, initial=np.inf) >= smallest]
        targets = [target(number) for number in range(len(table))]
        for crop, place in zip(_crops(image, table, cut), targets, strict=True):
            content = encode(crop, place.suffix, quality=_QUALITY)
            with writing(place) as file:
                file.write(content)
        names = np.array([str(place) for place in targets], np.str_)
        return replace(table, attributes={**table.attributes, "crop": names})

    return _or_error(work, path)


def redact_file(
    path: Path,
    recipe: Recipe,
    how: Redaction,
    target: Path,
    *,
    metadata: Metadata = "strip",
    cache: FaceCache | None = None,
) -> FaceTable:
    """Write a copy of a picture with its faces covered, and the rest as it is.

    recipe: finds the faces.
    target: the file to write.  It is of the picture's own kind, whatever that is called, unless it
        ends in something else than the picture's name.
    metadata: see :func:`phiz.imaging.encode_original`.
    cache: remembers what was found.

    Returns the faces that were covered, perhaps none.  A picture that cannot be read or written
    gives an empty table whose ``pictures[0].error`` says why.
    """

    def work() -> FaceTable:
        data = read_content(path)
        original = decode_original(data, label=str(path), max_pixels=recipe.max_pixels)
        table = _found(original.rgb, data, path, recipe, cache)
        pixels = redact_pixels(original.pixels, table.boxes, how, black=original.black)
        same = target.suffix.lower() == path.suffix.lower()
        suffix = None if same else target.suffix
        content = encode_original(original, pixels, suffix, metadata=metadata)
        with writing(target) as file:
            file.write(content)
        return table

    return _or_error(work, path)


def _or_error(work: Callable[[], FaceTable], path: Path) -> FaceTable:
    try:
        return work()
    except (PhizError, OSError) as error:
        said = str(error)
        named = said if str(path) in said else f"{path}: {said}"
        return FaceTable.of_picture(Picture(str(path), error=named))


def _found(
    image: U8, data: bytes, path: Path, recipe: Recipe, cache: FaceCache | None
) -> FaceTable:
    """Find the faces of a picture, or remember them."""
    digest = hashlib.sha256(data).hexdigest()
    known = cache.get(digest, recipe.settings_hash, str(path)) if cache else None
    if known is not None:
        return known
    faces, _, landmarks = locate(recipe, image)
    height, width = image.shape[:2]
    picture = Picture(str(path), digest, width, height)
    table = FaceTable.of_picture(picture, faces, landmarks, settings_hash=recipe.settings_hash)
    if cache:
        cache.put([table])
    return table


def _crops(image: U8, table: FaceTable, cut: Cut) -> list[U8]:
    if isinstance(cut, Boxed):
        return crop_boxes(image, table.boxes, margin=cut.margin, size=cut.size, pad=cut.pad)
    if table.landmarks is None or table.scheme is None:
        raise OptionError("aligned crops want landmarks: name a landmark model, or cut boxes")
    return list(align(image, Landmarks(table.landmarks, table.scheme), chip=cut))
