"""What shape each value of a graph has, one sample without the batch axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from phiz.errors import ShapeError
from phiz.graph.graph import Graph, Node, Side
from phiz.graph.ops import Op

__all__ = ["Shape", "infer", "node_shape"]

Shape: TypeAlias = tuple[int, Side, Side]
"""(channels, rows, columns) of one sample."""

_BY_CHANNEL = (
    Op.AFFINE, Op.BATCH_NORM, Op.PRELU, Op.LAYER_NORM, Op.RMS_NORM, Op.QUANTISE,
)  # fmt: skip


def _window(side: Side, kernel: int, stride: int, before: int, after: int, node: Node) -> Side:
    if side is None:
        return None
    room = side + before + after - kernel
    if room < 0:
        raise ShapeError(
            f"{node.name}: a window of {kernel} does not fit into {side} + {before + after}"
        )
    return 1 + room // stride


def _windowed(node: Node, channels: int, shape: Shape, kernel: Sequence[int]) -> Shape:
    (down, right), (top, left, bottom, end) = node.ints("strides"), node.ints("pads")
    return (
        channels,
        _window(shape[1], kernel[0], down, top, bottom, node),
        _window(shape[2], kernel[1], right, left, end, node),
    )


def _widened(node: Node, shape: Shape, kernel: Sequence[int]) -> tuple[Side, Side]:
    """Return rows and columns after a transposed convolution."""
    (down, right), (top, left, bottom, end) = node.ints("strides"), node.ints("pads")
    sides = []
    for side, size, stride, pads in (
        (shape[1], kernel[0], down, top + bottom), (shape[2], kernel[1], right, left + end),
    ):  # fmt: skip
        wide = None if side is None else stride * (side - 1) + size - pads
        if wide is not None and wide < 1:
            raise ShapeError(f"{node.name}: pads of {pads} leave nothing of {side}")
        sides.append(wide)
    return sides[0], sides[1]


def _require(node: Node, what: str, want: object, found: object) -> None:
    if want != found:
        raise ShapeError(f"{node.name}: wanted {what} {want}, found {found}")


def _known(node: Node, shape: Shape) -> tuple[int, int, int]:
    channels, rows, columns = shape
    if rows is None or columns is None:
        raise ShapeError(f"{node.name}: wanted a value of known size, found {shape}")
    return channels, rows, columns


def node_shape(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of a node's output; ShapeError if it cannot take these inputs."""
    shape = inputs[0]
    channels = shape[0]
    if node.op is Op.FLATTEN_PIXELS:
        return 1, shape[1], None if shape[2] is None else shape[2] * channels
    if node.op is Op.CONV:
        weight = node.params["weight"]
        _require(node, "input channels", weight.shape[1] * int(node.number("groups")), channels)
        if "bias" in node.params:
            _require(node, "bias", weight.shape[:1], node.params["bias"].shape)
        return _windowed(node, weight.shape[0], shape, weight.shape[2:])
    if node.op is Op.CONV_TRANSPOSE:
        weight = node.params["weight"]
        _require(node, "input channels", weight.shape[0], channels)
        if "bias" in node.params:
            _require(node, "bias", weight.shape[1:2], node.params["bias"].shape)
        return weight.shape[1], *_widened(node, shape, weight.shape[2:])
    if node.op in _BY_CHANNEL:
        if node.op in (Op.LAYER_NORM, Op.RMS_NORM):
            _known(node, shape)
        for key, array in node.params.items():
            _require(node, key, (channels,), array.shape)
        return shape
    if node.op in (Op.MAX_POOL, Op.AVG_POOL):
        return _windowed(node, channels, shape, node.ints("kernel"))
    if node.op is Op.GLOBAL_AVG_POOL:
        return channels, 1, 1
    if node.op is Op.PAD:
        channels, rows, columns = _known(node, shape)
        more = [int(node.number(axis)) for axis in ("channels", "rows", "columns")]
        return channels + more[0], rows + more[1], columns + more[2]
    if node.op is Op.ADD:
        _require(node, "equal shapes", shape, inputs[1])
        return shape
    if node.op is Op.FC:
        weight = node.params["weight"]
        _require(node, "inputs", weight.shape[0], math.prod(_known(node, shape)))
        if "bias" in node.params:
            _require(node, "bias", weight.shape[1:], node.params["bias"].shape)
        return weight.shape[1], 1, 1
    if node.op is Op.CONCAT:
        for other in inputs[1:]:
            _require(node, "rows and columns", shape[1:], other[1:])
        return sum(each[0] for each in inputs), shape[1], shape[2]
    if node.op is Op.INTERLEAVE:
        for other in inputs[1:]:
            _require(node, "equal shapes", shape, other)
        _require(node, "inputs", math.prod(node.ints("strides")), len(inputs))
        return channels, int(node.number("rows")), int(node.number("columns"))
    if node.op is Op.LINEAR:
        weight = node.params["weight"]
        _require(node, "columns", weight.shape[0], shape[2])
        if "bias" in node.params:
            _require(node, "bias", weight.shape[1:], node.params["bias"].shape)
        return channels, shape[1], weight.shape[1]
    if node.op is Op.MATMUL:
        (_, rows, inner), (others, same, columns) = _known(node, shape), _known(node, inputs[1])
        _require(node, "channels and rows of the second", (channels, inner), (others, same))
        return channels, rows, columns
    if node.op is Op.ROTATE:
        channels, rows, columns = _known(node, shape)
        for key, array in node.params.items():
            _require(node, key, (rows, columns // 2), array.shape)
        return shape
    if node.op is Op.TRANSPOSE:
        return channels, shape[2], shape[1]
    if node.op is Op.RESHAPE:
        wanted = tuple(int(node.number(axis)) for axis in ("channels", "rows", "columns"))
        _require(node, "numbers", math.prod(wanted), math.prod(_known(node, shape)))
        return wanted[0], wanted[1], wanted[2]
    if node.op is Op.CAUSAL_MASK:
        return _known(node, shape)
    if node.op is Op.CELLS:
        size = int(node.number("size"))
        for each in inputs:
            _require(node, f"a multiple of {size} channels", 0, each[0] % size)
        return 1, sum(math.prod(_known(node, each)) for each in inputs) // size, size
    if node.op is Op.RESIZE:
        return channels, int(node.number("rows")), int(node.number("columns"))
    return shape  # TO_TENSOR, TO_PLANES and what works number by number


def infer(graph: Graph) -> dict[str, Shape]:
    """Return the shape of every value by name."""
    shapes: dict[str, Shape] = {}
    for source in graph.inputs:
        rows, columns, channels = source.shape
        shapes[source.name] = (channels, rows, columns)
    for node in graph.nodes:
        shapes[node.name] = node_shape(node, [shapes[name] for name in node.inputs])
    return shapes
