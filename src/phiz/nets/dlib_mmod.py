"""dlib's max-margin object detectors."""

from __future__ import annotations

from phiz.graph.arch import Arch, Extra, Layout
from phiz.graph.layers import Affine, Con, InputPyramid, LossMmod, Relu, chain

__all__ = ["dlib_mmod", "dlib_mmod_dog", "dlib_mmod_human", "dlib_mmod_vehicle"]


def dlib_mmod(name: str, *, filters: int = 45, windows: int = 1) -> Arch:
    """Seven convolutions over a pyramid; one output plane per window, at an eighth of the size.

    Source: dlib ``examples/dnn_mmod_ex.cpp``.
    """
    return Arch(
        name,
        InputPyramid(),
        chain(
            Con(16, 5, stride=2), Affine(), Relu(),
            Con(32, 5, stride=2), Affine(), Relu(),
            Con(32, 5, stride=2), Affine(), Relu(),
            3 * [(Con(filters, 5), Affine(), Relu())],
            Con(windows, 9),
        ),
        LossMmod(),
    )  # fmt: skip


def dlib_mmod_human() -> Arch:
    """Faces.  Source: dlib ``examples/dnn_mmod_face_detection_ex.cpp``."""
    return dlib_mmod("dlib-mmod-human")


def dlib_mmod_dog() -> Layout:
    """Dog faces, their landmarks, glasses and a mustache.

    Source: dlib ``examples/dnn_mmod_dog_hipsterizer.cpp``.
    """
    parts = (lambda: dlib_mmod("dlib-mmod-dog"), Extra.SHAPE, Extra.RGBA, Extra.RGBA)
    return Layout("dlib-mmod-dog", parts)


def dlib_mmod_vehicle(name: str, windows: int) -> Layout:
    """Vehicles, and a shape predictor that moves the corners of their boxes.

    Source: dlib ``examples/dnn_mmod_find_cars_ex.cpp``, ``dnn_mmod_find_cars2_ex.cpp``.
    """
    return Layout(name, (lambda: dlib_mmod(name, filters=55, windows=windows), Extra.SHAPE))
