"""Which models look at a picture, and how."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from phiz.errors import OptionError
from phiz.imaging import MAX_PIXELS
from phiz.loading import load
from phiz.models.align import fits
from phiz.models.protocols import Describer, Detector, Landmarker, Role, require_role
from phiz.runtime import Runtime, default_runtime
from phiz.values import Faces

__all__ = ["DEFAULTS", "Choice", "Recipe", "load_named", "make_recipe"]

_VERSION = 1  # raise when the same settings would give other results

DEFAULTS = ("dlib-hog-frontal", "dlib-landmarks-5", "dlib-face-resnet-v1")
"""Detector, landmarks and descriptor where none are named."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the faces found in a picture are taken.

    name: equal for choices that choose alike.  choose: given the faces that were found in a picture
        and its width and height, pixels, returns those to go on with.
    """

    name: str
    choose: Callable[[Faces, int, int], Faces]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which models to run, and how.

    landmarker, describer: None stops after detection, or after landmarks.
    upsample, threshold: of the detector; None leaves its own.
    jitter: descriptors are the mean over this many moved copies.  Each face starts dlib's random
        generator afresh, so that its descriptor does not depend on its neighbours.
    max_pixels: larger pictures are refused.
    choice: which of the faces found are taken; None takes all.
    """

    detector: Detector
    landmarker: Landmarker | None = None
    describer: Describer | None = None
    upsample: int | None = None
    threshold: float | None = None
    jitter: int = 0
    max_pixels: int = MAX_PIXELS
    choice: Choice | None = None
    settings_hash: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.describer is not None and self.landmarker is None:
            raise OptionError("a descriptor model wants landmarks: name a landmark model too")
        if self.describer is not None and self.landmarker is not None:
            fits(self.landmarker.scheme, self.describer.input)
        models = (self.detector, self.landmarker, self.describer)
        parts = [
            f"phiz {_VERSION}",
            *(model.identity if model else "none" for model in models),
            repr(getattr(self.detector, "options", None)),
            f"{self.upsample} {self.threshold} {self.jitter}",
        ]
        if self.choice is not None:
            parts.append(self.choice.name)
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        object.__setattr__(self, "settings_hash", digest[:16])


def load_named(which: object, shared: Runtime, precision: str = "float32") -> Any:
    """Return a model that was named or given; named ones are kept with the runtime."""
    if isinstance(which, (str, os.PathLike)):
        name = os.fspath(which)
        key = name if precision == "float32" else f"{name} {precision}"
        return shared.keep(key, lambda: load(name, precision=precision, runtime=shared))
    if precision != "float32":
        raise OptionError(
            f"precision: wanted a descriptor model's name to load it in {precision}, "
            f"found {which!r}"
        )
    return which


def _in_role(which: object, shared: Runtime, role: Role, precision: str = "float32") -> Any:
    """Return a model; OptionError for a named one that does something else."""
    model = load_named(which, shared, precision)
    if model is not which:
        require_role(model, role)
    return model


def make_recipe(
    detector: str | os.PathLike[str] | Detector = DEFAULTS[0],
    landmarks: str | os.PathLike[str] | Landmarker | None = DEFAULTS[1],
    descriptor: str | os.PathLike[str] | Describer | None = DEFAULTS[2],
    *,
    upsample: int | None = None,
    threshold: float | None = None,
    jitter: int = 0,
    max_pixels: int = MAX_PIXELS,
    choice: Choice | None = None,
    precision: str = "float32",
    runtime: Runtime | None = None,
) -> Recipe:
    """Load the models that are named and put them together; see :class:`Recipe`.

    precision: of the descriptor model, see :func:`phiz.load`.

    Loaded models are kept with the runtime, so that asking again costs nothing.
    """
    shared = runtime or default_runtime()
    return Recipe(
        _in_role(detector, shared, "detector"),
        None if landmarks is None else _in_role(landmarks, shared, "landmark model"),
        None
        if descriptor is None and precision == "float32"
        else _in_role(descriptor, shared, "descriptor model", precision),
        upsample=upsample,
        threshold=threshold,
        jitter=jitter,
        max_pixels=max_pixels,
        choice=choice,
    )
