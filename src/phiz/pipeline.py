"""Detect, align, describe: pictures in, faces out, many at a time.

Pictures are decoded, searched and aligned side by side on the runtime's threads, their chips are
described in batches across pictures, and tables come out in the order in which pictures went in.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, U8
from phiz.errors import ImageError, OptionError
from phiz.facecache import FaceCache
from phiz.geometry import ChipSpec
from phiz.imaging import MAX_PIXELS, ImageLike, as_image, decode, read_content
from phiz.models.align import align
from phiz.models.box_styles import framed_for
from phiz.models.faceapi_crops import shows_pixels
from phiz.models.protocols import (
    Describer,
    Detector,
    FaceClassifier,
    Landmarker,
)
from phiz.recipe import DEFAULTS, Choice, Recipe, load_named, make_recipe
from phiz.runtime import Runtime, default_runtime
from phiz.scores import Scores
from phiz.table import FaceTable, Picture
from phiz.values import Descriptors, Faces, Landmarks

__all__ = [
    "DEFAULTS",
    "Choice",
    "Frame",
    "Recipe",
    "analyze",
    "locate",
    "make_recipe",
    "run",
    "score_columns",
    "visible_faces",
]

_BATCH = 32  # faces described at once
_WAITING = 64  # pictures that may wait for a batch to fill
_AHEAD = 24  # files that are prepared while a batch is described, so that no thread is idle


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture with its place in a stream.

    image: whatever holds it.  source: its name.  frame, time: its position, frames and seconds.
    """

    image: ImageLike
    source: str
    frame: int | None = None
    time: float | None = None


Item: TypeAlias = "ImageLike | Frame"


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A picture whose faces wait to be described, or a finished table."""

    picture: Picture
    faces: Faces | None = None
    landmarks: Landmarks | None = None
    chips: U8 | None = None
    table: FaceTable | None = None


def _known(
    item: Frame, content_hash: str, recipe: Recipe, cache: FaceCache | None
) -> FaceTable | None:
    if cache is None:
        return None
    return cache.get(content_hash, recipe.settings_hash, item.source, item.frame, item.time)


def _remembered(item: Frame, recipe: Recipe, cache: FaceCache | None) -> FaceTable | None:
    """Return what the cache has of a file's content; None too if it cannot be read."""
    try:
        data = read_content(item.image)  # type: ignore[arg-type]
    except ImageError:
        return None
    return _known(item, hashlib.sha256(data).hexdigest(), recipe, cache)


def _load_pixels(
    item: Frame, recipe: Recipe, cache: FaceCache | None
) -> tuple[str, U8 | FaceTable]:
    """Return a picture's hash and its pixels, or its table if the cache has that."""
    image = item.image
    if isinstance(image, (str, os.PathLike)):
        image = read_content(image, item.source)
    if isinstance(image, bytes):
        content_hash = hashlib.sha256(image).hexdigest()
        known = _known(item, content_hash, recipe, cache)
        if known is not None:
            return content_hash, known
        return content_hash, decode(image, label=item.source, max_pixels=recipe.max_pixels)
    pixels = as_image(image)
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(pixels.data)
    return digest.hexdigest(), pixels


def visible_faces(
    detector: Detector, landmarker: Landmarker, faces: Faces, image: U8
) -> tuple[Faces, Faces]:
    """Return the faces that can have landmarks, and the same in boxes for the landmark model.

    image: (h, w, 3), the picture that they were found in.  A box that shows no pixel of it, which
    a detector may find in the black that it adds, is left out.
    """
    framed = framed_for(landmarker, faces, detector)
    height, width = image.shape[:2]
    boxes = (faces.boxes, framed.boxes)
    seen = np.logical_and(*(shows_pixels(each, width, height) for each in boxes))
    return (faces, framed) if seen.all() else (faces[seen], framed[seen])


def locate(recipe: Recipe, image: U8) -> tuple[Faces, Faces, Landmarks | None]:
    """Find the faces of a picture (h, w, 3), and their landmarks if the recipe asks for them.

    Returns the faces, the same in the boxes that the landmarks were placed in, and the landmarks.
    """
    faces = recipe.detector(image, upsample=recipe.upsample, threshold=recipe.threshold)
    if recipe.choice is not None:
        faces = recipe.choice.choose(faces, image.shape[1], image.shape[0])
    if recipe.landmarker is None:
        return faces, faces, None
    faces, framed = visible_faces(recipe.detector, recipe.landmarker, faces, image)
    return faces, framed, recipe.landmarker(image, framed)


def _prepare(item: Frame, recipe: Recipe, cache: FaceCache | None) -> _Prepared:
    """Decode, detect, place landmarks and cut chips; errors of the picture become its result."""
    try:
        content_hash, pixels = _load_pixels(item, recipe, cache)
    except ImageError as error:
        picture = Picture(item.source, frame=item.frame, time=item.time, error=str(error))
        return _Prepared(picture)
    if isinstance(pixels, FaceTable):
        return _Prepared(pixels.pictures[0], table=pixels)
    height, width = pixels.shape[:2]
    picture = Picture(item.source, content_hash, width, height, item.frame, item.time)
    faces, framed, landmarks = locate(recipe, pixels)
    if landmarks is None or recipe.describer is None:
        return _Prepared(picture, faces, landmarks)
    chips = align(pixels, landmarks, chip=recipe.describer.input, boxes=framed)
    return _Prepared(picture, faces, landmarks, chips)


def _describe(chips: U8, describer: Describer, jitter: int) -> Descriptors:
    if jitter <= 1 or not len(chips):
        return describer(chips)
    rows: list[F32] = [describer(chip[None], jitter=jitter).vectors for chip in chips]
    return Descriptors(np.concatenate(rows), describer.space, describer.metric, describer.threshold)


def _finish(ready: Sequence[_Prepared], recipe: Recipe) -> list[FaceTable]:
    """Describe the chips of several pictures in one batch and make their tables."""
    tables = []
    described: Descriptors | None = None
    if recipe.describer is not None:
        size = recipe.describer.input.size
        chips = [item.chips for item in ready if item.chips is not None]
        stack = np.concatenate([np.zeros((0, size, size, 3), np.uint8), *chips])
        described = _describe(stack, recipe.describer, recipe.jitter)
    start = 0
    for item in ready:
        if item.table is not None:
            tables.append(item.table)
            continue
        mine = None
        if described is not None:
            count = 0 if item.chips is None else len(item.chips)
            mine = described[slice(start, start + count)]
            start += count
        landmarks = item.landmarks
        if landmarks is None and recipe.landmarker is not None:
            scheme = recipe.landmarker.scheme
            landmarks = Landmarks.none(scheme)
        tables.append(
            FaceTable.of_picture(
                item.picture, item.faces, landmarks, mine, settings_hash=recipe.settings_hash
            )
        )
    return tables


def _frame(item: Item, number: int) -> Frame:
    if isinstance(item, Frame):
        return item
    named = isinstance(item, (str, os.PathLike))
    return Frame(item, os.fspath(item) if named else f"picture {number}")  # type: ignore[arg-type]


def run(
    frames: Iterable[Item],
    recipe: Recipe | None = None,
    *,
    cache: FaceCache | None = None,
    runtime: Runtime | None = None,
) -> Iterator[FaceTable]:
    """Analyse a stream of pictures of any sizes; yields one table per picture, in order.

    frames: paths, bytes, arrays, Pillow images or :class:`Frame`; read only as far ahead as the
        runtime's threads need: of paths further, whose pictures are not in memory yet.
    recipe: the models and options; by default dlib's, see :func:`make_recipe`.
    cache: remembers results by content and settings; written once per batch.

    A picture that cannot be read gives an empty table whose ``pictures[0].error`` says why; the
    others are not affected.
    """
    recipe = recipe or make_recipe(runtime=runtime)
    shared = runtime or default_runtime()
    started: deque[Future[_Prepared] | _Prepared] = deque()
    waiting: list[_Prepared] = []

    def prepare(item: Frame) -> _Prepared:
        return _prepare(item, recipe, cache)

    def flush() -> Iterator[FaceTable]:
        tables = _finish(waiting, recipe)
        if cache is not None:
            fresh = [table for table, item in zip(tables, waiting, strict=True) if not item.table]
            cache.put(fresh)
        waiting.clear()
        yield from tables

    source = enumerate(frames)
    more = True
    known = cache is not None  # was the last file in the cache?
    least = most = 2 * shared.threads + 1
    try:
        while more or started:
            while more and len(started) < most:
                number, item = next(source, (-1, None))
                if item is None:
                    more = False
                    break
                frame = _frame(item, number)
                # Files are opened by the threads; pictures that are open already take memory.
                closed = isinstance(frame.image, (str, os.PathLike))
                most = least + _AHEAD if closed else least
                # Of files that are all known, threads would do less than wait for each other.
                table = _remembered(frame, recipe, cache) if closed and known else None
                known = table is not None
                if table is not None:
                    started.append(_Prepared(table.pictures[0], table=table))
                else:
                    started.append(shared.submit(prepare, frame))
            if not started:
                break
            first = started.popleft()
            ready = first if isinstance(first, _Prepared) else first.result()
            known |= ready.table is not None
            waiting.append(ready)
            faces = sum(len(item.chips) for item in waiting if item.chips is not None)
            if faces >= _BATCH or len(waiting) >= _WAITING:
                yield from flush()
        yield from flush()
    finally:
        for left in started:
            if isinstance(left, Future):
                left.cancel()


def analyze(
    image_or_path: ImageLike,
    *,
    detector: str | os.PathLike[str] | Detector = DEFAULTS[0],
    landmarks: str | os.PathLike[str] | Landmarker | None = DEFAULTS[1],
    descriptor: str | os.PathLike[str] | Describer | None = DEFAULTS[2],
    attributes: Sequence[str | os.PathLike[str] | FaceClassifier] = (),
    upsample: int | None = None,
    threshold: float | None = None,
    jitter: int = 0,
    max_pixels: int = MAX_PIXELS,
    precision: str = "float32",
    runtime: Runtime | None = None,
) -> FaceTable:
    """Find and describe the faces of one picture.

    image_or_path: path, bytes, array or Pillow image; see :func:`phiz.imaging.as_image`.
    detector, landmarks, descriptor: zoo names, weight files or loaded models; None leaves a step
        out.
    attributes: classifiers of faces, such as ``cydral-gender-v1``: zoo names, weight files or
        loaded models.  Each adds a column ``NAME``, the best label (for ages the mean in years),
        and ``NAME.score``, the model's own score of the best label; one that estimates an age
        beside its labels adds ``NAME.age``, in years.  They want landmarks.
    upsample, threshold, jitter, max_pixels: see :class:`Recipe`.
    precision: of the descriptor model, see :func:`phiz.load`.

    Returns a FaceTable, empty if there is no face.  Raises ImageError if the picture cannot be
    read, and what :func:`phiz.load` raises.
    """
    recipe = make_recipe(
        detector,
        landmarks,
        descriptor,
        upsample=upsample,
        threshold=threshold,
        jitter=jitter,
        max_pixels=max_pixels,
        precision=precision,
        runtime=runtime,
    )
    ready = _prepare(_frame(image_or_path, 0), recipe, None)
    if ready.picture.error is not None:
        raise ImageError(ready.picture.error)
    table = _finish([ready], recipe)[0]
    if not attributes:
        return table
    if ready.landmarks is None:
        raise OptionError("attributes want landmarks: name a landmark model")
    shared = runtime or default_runtime()
    pixels = _load_pixels(_frame(image_or_path, 0), recipe, None)[1]
    assert not isinstance(pixels, FaceTable)  # there is no cache it could come from
    columns = dict(table.attributes)
    for which in attributes:
        columns |= _attribute_columns(load_named(which, shared), pixels, ready.landmarks)
    return replace(table, attributes=columns)


def _attribute_columns(
    model: object, image: U8, landmarks: Landmarks
) -> dict[str, NDArray[np.generic]]:
    """Return what a classifier says of each face, as columns of a table."""
    spec = getattr(model, "input", None)
    if not isinstance(spec, ChipSpec) or isinstance(getattr(model, "space", None), str):
        raise OptionError(f"attributes: wanted a classifier of faces, found {model!r}")
    classifier: FaceClassifier = model  # type: ignore[assignment]
    return score_columns(classifier.name, classifier(align(image, landmarks, chip=spec)))


def score_columns(name: str, scores: Scores) -> dict[str, NDArray[np.generic]]:
    """Return what a classifier says of faces as columns of a table; see :func:`analyze`."""
    best = scores.order(1)[:, 0] if len(scores) else np.zeros(0, np.int64)
    labels = np.array([scores.labels[i] for i in best], dtype=np.str_)
    columns: dict[str, NDArray[np.generic]] = {
        name: labels if scores.age is None or scores.age_apart else scores.age,
        f"{name}.score": scores.probs[np.arange(len(best)), best],
    }
    if scores.age is not None and scores.age_apart:
        columns[f"{name}.age"] = scores.age
    return columns
