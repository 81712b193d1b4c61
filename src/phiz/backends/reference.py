"""The slow, plain NumPy backend: what every other one is held against.

Sums are taken in float64 and rounded once per layer, but for those over a whole sample.
"""

from __future__ import annotations

import math
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


def _interleave(inputs: list[F32], node: Node) -> F32:
    down, across = node.ints("strides")
    n, channels, rows, columns = inputs[0].shape
    out = np.empty((n, channels, rows * down, columns * across), np.float32)
    for index, value in enumerate(inputs):
        out[:, :, index // across :: down, index % across :: across] = value
    return out[:, :, : int(node.number("rows")), : int(node.number("columns"))]


def _gelu(x: F32) -> F64:
    wide = x.astype(np.float64)
    erf = np.fromiter(map(math.erf, (wide / math.sqrt(2)).flat), np.float64, wide.size)
    return np.asarray(0.5 * wide * (1 + erf.reshape(wide.shape)))


def _softmax(x: F32) -> F64:
    wide = x.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=3, keepdims=True))
    return np.asarray(powers / powers.sum(axis=3, keepdims=True))


def _mean(x: F32) -> F32:
    """Return each sample's mean, (n, 1, 1, 1), added up as ``Op.LAYER_NORM`` says."""
    sums = np.cumsum(x.reshape(len(x), -1), axis=1, dtype=np.float32)[:, -1]
    return np.asarray(sums.reshape(-1, 1, 1, 1) / np.float32(x[0].size))


def _normalise(x: F32, node: Node) -> F64:
    """Divide each sample by its deviation, or by the root of its mean square."""
    centre = _mean(x) if node.op is Op.LAYER_NORM else np.zeros(1, np.float32)
    power = (_mean(x * x) - centre * centre).astype(np.float64)
    scaled = (x.astype(np.float64) - centre) / np.sqrt(power + node.number("eps"))
    gamma, beta = (node.params.get(key, np.zeros(1)) for key in ("gamma", "beta"))
    return np.asarray(gamma[:, None, None] * scaled + beta[:, None, None])


def _rotate(x: F32, cos: F64, sin: F64) -> F64:
    """Turn pairs of columns; an odd last column stays."""
    value = x.astype(np.float64)
    end = 2 * cos.shape[1]
    a, b = x[..., 0:end:2], x[..., 1:end:2]
    value[..., 0:end:2] = a * cos - b * sin
    value[..., 1:end:2] = a * sin + b * cos
    return value


def _quantise(x: F32, node: Node) -> F64:
    steps, zero = node.params["steps"].astype(np.float64)[:, None, None], node.number("zero")
    lows = node.params.get("lows", np.zeros(1, np.float32)).astype(np.float64)[:, None, None]
    return np.asarray(np.clip(np.rint((x - lows) / steps), -zero, 255 - zero) * steps + lows)


def _evaluate(node: Node, inputs: list[F32]) -> F64 | F32:
    x = inputs[0]
    params = {key: array.astype(np.float64) for key, array in node.params.items()}
    if node.op is Op.TO_TENSOR:
        planes = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
        centred = planes - np.array(node.attrs["mean"], np.float32)[:, None, None]
        return np.asarray(centred * np.float32(node.number("scale")), np.float32)
    if node.op is Op.TO_PLANES:
        return np.asarray(x.transpose(0, 3, 1, 2))
    if node.op is Op.FLATTEN_PIXELS:
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
    if node.op is Op.GELU:
        return _gelu(x)
    if node.op is Op.SOFTMAX:
        return _softmax(x)
    if node.op in (Op.LAYER_NORM, Op.RMS_NORM):
        return _normalise(x, node)
    if node.op is Op.LINEAR:
        return np.asarray(x.astype(np.float64) @ params["weight"] + params.get("bias", 0.0))
    if node.op is Op.MATMUL:
        return np.asarray(x.astype(np.float64) @ inputs[1].astype(np.float64))
    if node.op is Op.CAUSAL_MASK:
        rows, columns = x.shape[2:]
        return np.asarray(np.where(np.tri(rows, columns) > 0, x, np.float32(-np.inf)))
    if node.op is Op.ROTATE:
        return _rotate(x, params["cos"], params["sin"])
    if node.op is Op.TRANSPOSE:
        return np.swapaxes(x, 2, 3)
    if node.op is Op.RESHAPE:
        sides = [int(node.number(axis)) for axis in ("channels", "rows", "columns")]
        return np.reshape(x, (len(x), *sides))
    if node.op is Op.SCALE:
        return np.asarray(x * np.float64(node.number("factor")))
    if node.op is Op.CONCAT:
        return np.concatenate(inputs, axis=1)
    if node.op is Op.INTERLEAVE:
        return _interleave(inputs, node)
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
    if node.op is Op.QUANTISE:
        return _quantise(x, node)
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
