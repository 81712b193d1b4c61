"""Published architectures: one short function each, read like the tables of their authors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from phiz.graph.arch import Arch
from phiz.nets.dlib_face_resnet import dlib_face_resnet

__all__ = ["ARCHITECTURES"]

ARCHITECTURES: Final[Mapping[str, Callable[[], Arch]]] = MappingProxyType(
    {"dlib-face-resnet": dlib_face_resnet}
)
"""Every dlib architecture phiz knows, by name."""
