"""dlib's Python module on phiz."""

from phiz.compat.dlib.points import dpoint, point

__all__ = ["dpoint", "point"]
