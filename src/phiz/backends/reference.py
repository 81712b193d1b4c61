"""The slow, plain NumPy backend: what every other one is held against.

Sums are taken in float64 and rounded once per layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from phiz.checks import F32, F64
from phiz.graph.graph import Graph, Node
from phiz.graph.ops import Op

__all__ = ["ReferenceSession"]


def _windows(x: F32, node: Node, kernel: Sequence[int], fill: float) -> F64:
    """Return (n, channels, rows, columns, kernel rows, kernel columns)."""
    top, left, bottom, right = node.ints("pads")
    down, across = node.ints("strides")
    pads = ((0, 0), (0, 0), (top, bottom), (left, right))
    wide = np.pad(x.astype(np.float64), pads, constant_values=fill)
    return sliding_window_view(wide, (kernel[0], kernel[1]), (2, 3))[:, :, ::down, ::across]


def _conv(x: F32, node: Node) -> F64:
    weight = node.params["weight"].astype(np.float64)
    groups = int(node.number("groups"))
    windows = _windows(x, node, weight.shape[2:], 0.0)
    parts = [
        np.einsum("nirckl,oikl->norc", part, filters, optimize=True)
        for part, filters in zip(
            np.split(windows, groups, axis=1), np.split(weight, groups, axis=0), strict=True
        )
    ]
    bias = node.params.get("bias")
    out = np.concatenate(parts, axis=1)
    return out if bias is None else out + bias.astype(np.float64)[:, None, None]


def _conv_transpose(x: F32, node: Node) -> F64:
    weight = node.params["weight"].astype(np.float64)
    down, across = node.ints("strides")
    top, left, bottom, right = node.ints("pads")
    n, _, rows, columns = x.shape
    _, out, tall, wide = weight.shape
    full = np.zeros((n, out, down * (rows - 1) + tall, across * (columns - 1) + wide))
    for i in range(tall):
        for j in range(wide):
            part = np.einsum("nirc,io->norc", x.astype(np.float64), weight[:, :, i, j])
            full[:, :, i : i + down * rows : down, j : j + across * columns : across] += part
    cut = full[:, :, top : full.shape[2] - bottom, left : full.shape[3] - right]
    bias = node.params.get("bias")
    return cut if bias is None else cut + bias.astype(np.float64)[:, None, None]


def _resize(x: F32, rows: int, columns: int) -> F64:
    """Resize bilinearly with the corners aligned."""
    value = x.astype(np.float64)
    for axis, want in ((2, rows), (3, columns)):
        have = value.shape[axis]
        at = np.arange(want) * ((have - 1) / max(want - 1, 1))
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, have - 1)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        value = value.take(low, axis) * (1 - share) + value.take(high, axis) * share
    return value


def _evaluate(node: Node, inputs: list[F32]) -> F64 | F32:
    x = inputs[0]
    params = {key: array.astype(np.float64) for key, array in node.params.items()}
    if node.op is Op.TO_TENSOR:
        planes = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
        centred = planes - np.array(node.attrs["mean"], np.float32)[:, None, None]
        return np.asarray(centred * np.float32(node.number("scale")), np.float32)
    if node.op is Op.TO_PLANES:
        return np.asarray(x.transpose(0, 3, 1, 2))
    if node.op is Op.INTERLEAVE:
        return np.asarray(x.reshape(len(x), 1, x.shape[1], -1))
    if node.op is Op.CONV:
        return _conv(x, node)
    if node.op is Op.CONV_TRANSPOSE:
        return _conv_transpose(x, node)
    if node.op is Op.LEAKY_RELU:
        return np.asarray(np.where(x > 0, x, np.float64(node.number("alpha")) * x))
    if node.op is Op.CLIP:
        return np.clip(x, node.number("low"), node.number("high"))
    if node.op is Op.PRELU:
        return np.asarray(np.where(x > 0, x, params["alpha"][:, None, None] * x))
    if node.op is Op.SIGMOID:
        return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))))
    if node.op is Op.SCALE:
        return np.asarray(x * np.float64(node.number("factor")))
    if node.op is Op.CONCAT:
        return np.concatenate(inputs, axis=1)
    if node.op is Op.CELLS:
        size = int(node.number("size"))
        parts = [each.transpose(0, 2, 3, 1).reshape(len(x), 1, -1, size) for each in inputs]
        return np.concatenate(parts, axis=2)
    if node.op is Op.RESIZE:
        return _resize(x, int(node.number("rows")), int(node.number("columns")))
    if node.op is Op.BATCH_NORM:
        spread = np.sqrt(params["variance"] + node.number("eps"))
        gain = (params["gamma"] / spread)[:, None, None]
        return gain * (x - params["mean"][:, None, None]) + params["beta"][:, None, None]
    if node.op is Op.AFFINE:
        return params["gamma"][:, None, None] * x + params["beta"][:, None, None]
    if node.op is Op.RELU:
        return np.maximum(x, 0)
    if node.op is Op.MAX_POOL:
        return np.asarray(_windows(x, node, node.ints("kernel"), -np.inf).max(axis=(4, 5)))
    if node.op is Op.AVG_POOL:
        return np.asarray(np.nanmean(_windows(x, node, node.ints("kernel"), np.nan), axis=(4, 5)))
    if node.op is Op.GLOBAL_AVG_POOL:
        return np.asarray(x.mean(axis=(2, 3), keepdims=True, dtype=np.float64))
    if node.op is Op.PAD:
        ends = [int(node.number(axis)) for axis in ("channels", "rows", "columns")]
        return np.pad(x, ((0, 0), *((0, end) for end in ends)))
    if node.op is Op.ADD:
        return x + inputs[1]
    assert node.op is Op.FC
    flat = x.reshape(len(x), -1).astype(np.float64) @ params["weight"]
    return (flat + params.get("bias", 0.0))[:, :, None, None]


class ReferenceSession:
    """Evaluates a graph layer by layer.

    outputs: values to return; by default the graph's own.
    """

    def __init__(self, graph: Graph, outputs: Sequence[str] | None = None) -> None:
        self._graph = graph
        self._outputs = tuple(outputs or graph.outputs)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, F32]:
        """Return every output for these inputs; see :class:`phiz.backends.session.Session`."""
        values: dict[str, F32] = dict(feeds)
        for node in self._graph.nodes:
            result = _evaluate(node, [values[name] for name in node.inputs])
            values[node.name] = np.asarray(result, np.float32)
        return {name: values[name] for name in self._outputs}
