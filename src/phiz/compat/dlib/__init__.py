"""dlib's Python module on phiz."""

from phiz.compat.dlib.detections import full_object_detection, full_object_detections
from phiz.compat.dlib.drectangles import drectangle
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
from phiz.compat.dlib.pixels import rgb_pixel
from phiz.compat.dlib.points import dpoint, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.vectors import vector

__all__ = [
    "center",
    "centered_rect",
    "centered_rects",
    "dot",
    "dpoint",
    "dpoints",
    "drectangle",
    "full_object_detection",
    "full_object_detections",
    "get_rect",
    "grow_rect",
    "length",
    "mmod_rectangle",
    "mmod_rectangles",
    "mmod_rectangless",
    "point",
    "points",
    "polygon_area",
    "rectangle",
    "rectangles",
    "rectangless",
    "rgb_pixel",
    "scale_rect",
    "shrink_rect",
    "translate_rect",
    "vector",
    "vectors",
    "vectorss",
]
