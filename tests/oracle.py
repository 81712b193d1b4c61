"""What dlib says, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def rectangles_of(dlib: Any, boxes: np.ndarray) -> list[Any]:
    return [dlib.rectangle(int(a), int(b), int(c) - 1, int(d) - 1) for a, b, c, d in boxes]


def boxes_of(rectangles: Any) -> np.ndarray:
    rows = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]
    return np.array(rows, np.float32).reshape(-1, 4)


def points_of(shape: Any) -> np.ndarray:
    return np.array([(p.x, p.y) for p in shape.parts()], np.float32)


def variants(picture: np.ndarray) -> dict[str, np.ndarray]:
    """The same picture in other sizes and colours, so that few pictures test many paths."""
    half = np.ascontiguousarray(picture[::2, ::2])
    odd = np.ascontiguousarray(picture[3:-4, 5:-2])
    gray = picture.astype(np.uint16).sum(axis=2) // 3
    return {
        "whole": picture,
        "half": half,
        "odd": odd,
        "mirrored": np.ascontiguousarray(picture[:, ::-1]),
        "dark": (picture // 3).astype(np.uint8),
        "gray": np.ascontiguousarray(gray.astype(np.uint8)),
    }
