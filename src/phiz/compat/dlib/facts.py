"""What dlib's module says about itself, and what it asks of the person who runs it.

Source: dlib ``python/src/dlib.cpp``, ``python/src/other.cpp``,
``python/src/cnn_face_detector.cpp``.
"""

from __future__ import annotations

import platform
import sys
from typing import Final

from phiz.compat.dlib.binding import Overloads

__all__ = [
    "DLIB_USE_BLAS",
    "DLIB_USE_CUDA",
    "DLIB_USE_LAPACK",
    "USE_AVX_INSTRUCTIONS",
    "USE_NEON_INSTRUCTIONS",
    "hit_enter_to_continue",
    "set_dnn_prefer_smallest_algorithms",
]

DLIB_USE_BLAS: Final = False
DLIB_USE_CUDA: Final = False
DLIB_USE_LAPACK: Final = False
USE_AVX_INSTRUCTIONS: Final = platform.machine().lower() in ("x86_64", "amd64")
USE_NEON_INSTRUCTIONS: Final = platform.machine().lower() in ("aarch64", "arm64")

hit_enter_to_continue = Overloads(
    "hit_enter_to_continue", "Ask for the enter key, and wait until a line or the end comes in."
)
set_dnn_prefer_smallest_algorithms = Overloads(
    "set_dnn_prefer_smallest_algorithms", "Nothing: it is about CUDA's algorithms."
)


@hit_enter_to_continue.add
def _() -> None:
    sys.stdout.write("Hit enter to continue")
    sys.stdout.flush()
    if sys.stdin is not None:
        sys.stdin.readline()


@set_dnn_prefer_smallest_algorithms.add
def _() -> None:
    return None
