"""The two ends of a dlib network: its input layer and its loss.

Source: dlib ``input.h``, ``loss.h``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phiz.formats.cursor import Cursor
from phiz.formats.dlib_layers import read_name, same
from phiz.formats.dlib_stream import (
    read_bool,
    read_count,
    read_float,
    read_int,
    read_string,
)
from phiz.graph.layers import (
    Input,
    InputMatrix,
    InputPlanes,
    InputPyramid,
    Loss,
    LossBarlowTwins,
    LossMetric,
    LossMmod,
)
from phiz.values import MmodOptions, MmodWindow

__all__ = ["read_input", "read_loss"]

_RGB = ("input_rgb_image_sized", "input_rgb_image", "input_rgb_image_pair")
_PYRAMID = ("input_rgb_image_pyramid", "input_rgb_image_pyramid2")
_PADDING = {"padding": 10, "outer_padding": 11}  # where the older kind does not say
_LONGEST = 1 << 16  # pixels: a sensible padding, and a sensible window


def _read_mean(cursor: Cursor) -> tuple[float, float, float]:
    start = cursor.at
    red, green, blue = (read_float(cursor, f"mean of {c}") for c in ("red", "green", "blue"))
    if max(abs(red), abs(green), abs(blue)) > 1e6:
        cursor.fail("channel means in pixel values", f"{red}, {green}, {blue}", at=start)
    return red, green, blue


def read_input(cursor: Cursor, layer: Input) -> dict[str, Any]:
    """Read the input layer; returns its kind and fields, such as ``mean`` (RGB)."""
    if isinstance(layer, InputMatrix):
        return {"kind": read_name(cursor, ("input<matrix>",), "the input layer")}
    if isinstance(layer, InputPlanes):
        return {"kind": read_name(cursor, ("input<array<matrix>>",), "the input layer")}
    start = cursor.at
    if isinstance(layer, InputPyramid):
        kind = read_name(cursor, _PYRAMID, "the input layer")
        found: dict[str, Any] = {"kind": kind, "mean": _read_mean(cursor), **_PADDING}
        if kind == _PYRAMID[1]:
            for key in _PADDING:
                found[key] = read_int(cursor, f"the pyramid's {key}")
                if not 0 <= found[key] < _LONGEST:
                    cursor.fail(f"the pyramid's {key} in pixels", str(found[key]), at=start)
        return found
    kind = read_name(cursor, _RGB[:1] if layer.sized else _RGB, "the input layer")
    found = {"kind": kind, "mean": _read_mean(cursor)}
    if kind == "input_rgb_image_sized":
        found["sides"] = read_int(cursor, "input rows"), read_int(cursor, "input columns")
        if layer.sized:
            wanted = (layer.size, layer.size)
            same(cursor, "input rows and columns", wanted, found["sides"], start)
    return found


def _read_window(cursor: Cursor, labelled: bool) -> MmodWindow:
    version = 1
    start = cursor.at
    if labelled:
        version = read_int(cursor, "the version of a window")
        if version not in (1, 2):
            cursor.fail("version 1 or 2 of a window", str(version), at=start)
    width, height = read_int(cursor, "a window's width"), read_int(cursor, "a window's height")
    if not 0 < width < _LONGEST or not 0 < height < _LONGEST:
        cursor.fail("a window's size in pixels", f"{width} x {height}", at=start)
    label = read_string(cursor, "a window's label") if version == 2 else ""
    return MmodWindow(width, height, label)


def _read_overlap(cursor: Cursor, what: str) -> tuple[float, float]:
    return read_float(cursor, f"the overlap of {what}"), read_float(cursor, f"cover of {what}")


def _read_mmod_options(cursor: Cursor) -> MmodOptions:
    start = cursor.at
    version = read_int(cursor, "the version of mmod options")
    if not 1 <= version <= 4:
        cursor.fail("version 1 to 4 of mmod options", str(version), at=start)
    count = 1 if version == 1 else read_count(cursor, "windows", each=6)
    windows = tuple(_read_window(cursor, labelled=version > 1) for _ in range(count))
    costs = tuple(
        read_float(cursor, what)
        for what in ("loss per false alarm", "loss per miss", "overlap that counts as found")
    )
    nms, ignore = _read_overlap(cursor, "duplicates"), _read_overlap(cursor, "ignored boxes")
    pyramid = cursor.byte("whether there is a pyramid") == 1 if version >= 3 else True
    regression = read_bool(cursor, "box regression") if version >= 4 else False
    weight = read_float(cursor, "weight of box regression") if version >= 4 else 100.0
    return MmodOptions(
        version=version,
        windows=windows,
        costs=(costs[0], costs[1], costs[2]),
        nms=nms,
        ignore=ignore,
        pyramid=pyramid,
        regression=regression,
        regression_weight=weight,
    )


def read_loss(cursor: Cursor, loss: Loss) -> Mapping[str, Any]:
    """Read the loss layer; returns its kind and fields."""
    if isinstance(loss, LossMmod):
        kind = read_name(cursor, ("loss_mmod_",), "the loss")
        return {"kind": kind, "options": _read_mmod_options(cursor)}
    if isinstance(loss, LossBarlowTwins):
        kind = read_name(cursor, ("loss_barlow_twins_",), "the loss")
        return {"kind": kind, "lambda": read_float(cursor, "the loss's lambda")}
    if not isinstance(loss, LossMetric):
        return {"kind": read_name(cursor, (loss.name,), "the loss")}
    kind = read_name(cursor, ("loss_metric_2", "loss_metric_"), "the loss")
    if kind == "loss_metric_":
        return {"kind": kind, "margin": 0.1, "threshold": 0.75}
    return {
        "kind": kind,
        "margin": read_float(cursor, "the loss's margin"),
        "threshold": read_float(cursor, "the loss's distance threshold"),
    }
