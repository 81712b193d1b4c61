"""What an ONNX file says beside its computation: written into it, and read out of it.

Keys are ``phiz.`` and a name; values are text, numbers separated by spaces.  Source:
``onnx.proto3``, StringStringEntryProto; protocol buffers encoding guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phiz.errors import FormatError
from phiz.graph.graph import Graph
from phiz.graph.ops import Op
from phiz.values import MmodOptions

__all__ = ["OnnxNode", "OnnxSummary", "describe_input", "read_onnx_summary"]

_KINDS = {
    "rgb": "rgb uint8 (n, rows, columns, 3), 0 to 255; mean and scale are applied inside",
    "gray": "gray uint8 (n, rows, columns), 0 to 255; mean and scale are applied inside",
    "planes": "float32 (n, channels, rows, columns)",
    "pixels": "float32 (n, rows, columns, channels)",
}
_DEEPEST_VARINT = 10


def _numbers(values: object) -> str:
    items = values if isinstance(values, (tuple, list)) else (values,)
    return " ".join(str(item) for item in items)


def describe_input(
    graph: Graph, params: Mapping[str, Any] | None = None, loss: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the pre-processing that a network needs, as metadata.

    params: the input layer's fields and ``loss`` the loss's, as
    :class:`phiz.graph.arch.ArchParams` has them; a detector's canvas is described by them only.
    """
    source = graph.inputs[0]
    sides = tuple("any" if side is None else side for side in source.shape[:2])
    found = {"phiz.input.kind": _KINDS[source.kind], "phiz.input.size": _numbers(sides)}
    for node in graph.nodes:
        if node.op is Op.TO_TENSOR:
            found["phiz.input.mean"] = _numbers(node.attrs["mean"])
            found["phiz.input.scale"] = _numbers(node.attrs["scale"])
    if params and "padding" in params:
        found["phiz.input.kind"] += (
            ": a picture and its smaller copies on one canvas, (value - mean) x scale; 0 elsewhere"
        )
        found["phiz.input.mean"] = _numbers(params["mean"])
        found["phiz.input.scale"] = _numbers(1 / 256)
        found["phiz.input.pyramid_padding"] = _numbers(params["padding"])
        found["phiz.input.pyramid_outer_padding"] = _numbers(params["outer_padding"])
    options = loss.get("options") if loss else None
    if isinstance(options, MmodOptions):
        windows = (f"{w.width}x{w.height}:{w.label}" for w in options.windows)
        found["phiz.output.windows"] = " ".join(windows)
        found["phiz.output.nms"] = _numbers(options.nms)
    return found


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """One node: its operator, and the names of what it takes and makes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OnnxSummary:
    """What an ONNX file says without its weights.

    producer: the program that wrote it.  weights: name and sides of each constant.
    """

    producer: str
    graph: str
    nodes: tuple[OnnxNode, ...]
    weights: tuple[tuple[str, tuple[int, ...]], ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]


def _varint(data: memoryview, at: int, path: str) -> tuple[int, int]:
    value = 0
    for count in range(_DEEPEST_VARINT):
        if at + count >= len(data):
            raise FormatError(path, at, "a number of a protocol buffer", "the end of the file")
        byte = data[at + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    raise FormatError(path, at, "a number of at most 10 bytes", "a longer one")


def _fields(data: memoryview, path: str) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and value of each field of a message; bytes are not copied."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at, path)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at, path)
            yield tag >> 3, value
            continue
        if kind not in (1, 2, 5):
            raise FormatError(path, start, "a field of a protocol buffer", f"wire type {kind}")
        size = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            size, at = _varint(data, at, path)
        if size > len(data) - at:
            raise FormatError(path, start, f"a field of {size} bytes", f"{len(data) - at} left")
        yield tag >> 3, data[at : at + size]
        at += size


def _text(value: int | memoryview) -> str:
    return str(value) if isinstance(value, int) else bytes(value).decode("utf-8", "replace")


def _inside(value: int | memoryview, path: str) -> Iterator[tuple[int, int | memoryview]]:
    if isinstance(value, int):
        raise FormatError(path, 0, "a message inside the ONNX model", "a number")
    return _fields(value, path)


def _named(value: int | memoryview, path: str) -> str:
    return next((_text(item) for field, item in _inside(value, path) if field == 1), "")


def _read_node(value: int | memoryview, path: str) -> OnnxNode:
    inputs: list[str] = []
    outputs: list[str] = []
    kind = "?"
    for field, item in _inside(value, path):
        if field == 1:
            inputs.append(_text(item))
        elif field == 2:
            outputs.append(_text(item))
        elif field == 4:
            kind = _text(item)
    return OnnxNode(kind, tuple(inputs), tuple(outputs))


def _read_weight(value: int | memoryview, path: str) -> tuple[str, tuple[int, ...]]:
    name, sides = "", []
    for field, item in _inside(value, path):
        if field == 8:
            name = _text(item)
        elif field == 1 and isinstance(item, int):
            sides.append(item)
        elif field == 1 and not isinstance(item, int):  # packed, as most writers do
            at = 0
            while at < len(item):
                side, at = _varint(item, at, path)
                sides.append(side)
    return name, tuple(sides)


def read_onnx_summary(data: bytes, path: str) -> OnnxSummary:
    """Read the parts of an ONNX file that fit on a screen; FormatError if it is none."""
    producer, name = "?", "?"
    nodes: list[OnnxNode] = []
    weights: list[tuple[str, tuple[int, ...]]] = []
    ends: dict[int, list[str]] = {11: [], 12: []}
    metadata: dict[str, str] = {}
    for field, value in _fields(memoryview(data), path):
        if field == 2:
            producer = _text(value)
        elif field == 14:
            pair = dict(_inside(value, path))
            metadata[_text(pair.get(1, b""))] = _text(pair.get(2, b""))  # type: ignore[arg-type]
        elif field == 7:
            for inner, item in _inside(value, path):
                if inner == 1:
                    nodes.append(_read_node(item, path))
                elif inner == 2:
                    name = _text(item)
                elif inner == 5:
                    weights.append(_read_weight(item, path))
                elif inner in ends:
                    ends[inner].append(_named(item, path))
    if not nodes:
        raise FormatError(path, 0, "an ONNX model with a graph", "no nodes")
    return OnnxSummary(
        producer, name, tuple(nodes), tuple(weights), tuple(ends[11]), tuple(ends[12]), metadata
    )
