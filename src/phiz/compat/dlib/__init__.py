"""dlib's Python module on phiz: what programs about faces use of it, under dlib's names.

    from phiz.compat import dlib

    detector = dlib.get_frontal_face_detector()
    print(detector(dlib.load_rgb_image("party.jpg"), 1))

Names that dlib 20.0.1 has and phiz does not offer are there too; using one raises
NotImplementedError.  Importing the module loads NumPy and nothing else of size.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from phiz.compat.dlib import cuda
from phiz.compat.dlib.detections import full_object_detection, full_object_detections
from phiz.compat.dlib.drectangles import drectangle
from phiz.compat.dlib.facts import (
    DLIB_USE_BLAS,
    DLIB_USE_CUDA,
    DLIB_USE_LAPACK,
    USE_AVX_INSTRUCTIONS,
    USE_NEON_INSTRUCTIONS,
    hit_enter_to_continue,
    set_dnn_prefer_smallest_algorithms,
)
from phiz.compat.dlib.geometry import (
    center,
    centered_rect,
    centered_rects,
    dot,
    get_rect,
    grow_rect,
    length,
    polygon_area,
    scale_rect,
    shrink_rect,
    translate_rect,
)
from phiz.compat.dlib.lists import dpoints, points, rectangles, rectangless, vectors, vectorss
from phiz.compat.dlib.mmod import mmod_rectangle, mmod_rectangles, mmod_rectangless
from phiz.compat.dlib.outside import METADATA, NAMES, missing, missing_module
from phiz.compat.dlib.pixels import rgb_pixel
from phiz.compat.dlib.points import dpoint, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.vectors import vector

if TYPE_CHECKING:
    from phiz.compat.dlib.chips import (
        chip_details,
        chip_detailss,
        chip_dims,
        extract_image_chip,
        extract_image_chips,
        get_face_chip,
        get_face_chip_details,
        get_face_chips,
        save_face_chip,
        save_face_chips,
    )
    from phiz.compat.dlib.clustering import (
        bottom_up_clustering,
        chinese_whispers,
        chinese_whispers_clustering,
    )
    from phiz.compat.dlib.cnn import cnn_face_detection_model_v1
    from phiz.compat.dlib.detectors import (
        fhog_object_detector,
        get_frontal_face_detector,
        simple_object_detector,
    )
    from phiz.compat.dlib.pictures import (
        load_grayscale_image,
        load_rgb_alpha_image,
        load_rgb_image,
        save_image,
    )
    from phiz.compat.dlib.predictor import shape_predictor
    from phiz.compat.dlib.recognition import face_recognition_model_v1
    from phiz.compat.dlib.transforms import jitter_image, partition_pixels, resize_image
    from phiz.compat.dlib.window import image_window

__version__ = "20.0.1"  # the dlib whose module this is like
__time_compiled__ = "never: this is phiz"

_HOME = {
    "bottom_up_clustering": "clustering",
    "chinese_whispers": "clustering",
    "chinese_whispers_clustering": "clustering",
    "chip_details": "chips",
    "chip_detailss": "chips",
    "chip_dims": "chips",
    "cnn_face_detection_model_v1": "cnn",
    "extract_image_chip": "chips",
    "extract_image_chips": "chips",
    "face_recognition_model_v1": "recognition",
    "fhog_object_detector": "detectors",
    "get_face_chip": "chips",
    "get_face_chip_details": "chips",
    "get_face_chips": "chips",
    "get_frontal_face_detector": "detectors",
    "image_window": "window",
    "jitter_image": "transforms",
    "load_grayscale_image": "pictures",
    "load_rgb_alpha_image": "pictures",
    "load_rgb_image": "pictures",
    "partition_pixels": "transforms",
    "resize_image": "transforms",
    "save_face_chip": "chips",
    "save_face_chips": "chips",
    "save_image": "pictures",
    "shape_predictor": "predictor",
    "simple_object_detector": "detectors",
}
"""Where names are that are loaded when they are used."""

__all__ = [
    "DLIB_USE_BLAS",
    "DLIB_USE_CUDA",
    "DLIB_USE_LAPACK",
    "USE_AVX_INSTRUCTIONS",
    "USE_NEON_INSTRUCTIONS",
    "bottom_up_clustering",
    "center",
    "centered_rect",
    "centered_rects",
    "chinese_whispers",
    "chinese_whispers_clustering",
    "chip_details",
    "chip_detailss",
    "chip_dims",
    "cnn_face_detection_model_v1",
    "cuda",
    "dot",
    "dpoint",
    "dpoints",
    "drectangle",
    "extract_image_chip",
    "extract_image_chips",
    "face_recognition_model_v1",
    "fhog_object_detector",
    "full_object_detection",
    "full_object_detections",
    "get_face_chip",
    "get_face_chip_details",
    "get_face_chips",
    "get_frontal_face_detector",
    "get_rect",
    "grow_rect",
    "hit_enter_to_continue",
    "image_window",
    "jitter_image",
    "length",
    "load_grayscale_image",
    "load_rgb_alpha_image",
    "load_rgb_image",
    "mmod_rectangle",
    "mmod_rectangles",
    "mmod_rectangless",
    "partition_pixels",
    "point",
    "points",
    "polygon_area",
    "rectangle",
    "rectangles",
    "rectangless",
    "resize_image",
    "rgb_pixel",
    "save_face_chip",
    "save_face_chips",
    "save_image",
    "scale_rect",
    "set_dnn_prefer_smallest_algorithms",
    "shape_predictor",
    "shrink_rect",
    "simple_object_detector",
    "translate_rect",
    "vector",
    "vectors",
    "vectorss",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"phiz.compat.dlib.{_HOME[name]}"), name)
    elif name in NAMES:
        value = missing(name)
    elif name == METADATA:
        value = missing_module()
    else:
        raise AttributeError(f"module 'dlib' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *NAMES, METADATA})
