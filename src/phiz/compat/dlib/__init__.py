"""dlib's Python module on phiz."""

from phiz.compat.dlib.detections import full_object_detection, full_object_detections
from phiz.compat.dlib.drectangles import drectangle
from phiz.compat.dlib.lists import dpoints, points, rectangles, rectangless, vectors, vectorss
from phiz.compat.dlib.mmod import mmod_rectangle, mmod_rectangles, mmod_rectangless
from phiz.compat.dlib.points import dpoint, point
from phiz.compat.dlib.rectangles import rectangle
from phiz.compat.dlib.vectors import vector

__all__ = [
    "dpoint",
    "dpoints",
    "drectangle",
    "full_object_detection",
    "full_object_detections",
    "mmod_rectangle",
    "mmod_rectangles",
    "mmod_rectangless",
    "point",
    "points",
    "rectangle",
    "rectangles",
    "rectangless",
    "vector",
    "vectors",
    "vectorss",
]
