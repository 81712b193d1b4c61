"""Layers of face-api.js's networks, which take their weights from a tfjs file.

Kernels there are (rows, columns, in, out); they are turned once, into (out, in, rows, columns).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from phiz.checks import F32
from phiz.errors import FormatError, ShapeError
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Attr, Graph, Side
from phiz.graph.ops import Op

__all__ = ["Layers", "Networks", "Tensors"]

_LEAK = 0.10000000149011612  # 0.1 as float32
_EPS = 0.0010000000474974513  # 0.001 as float32


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What a weight file holds: its networks, and arrays that their post-processing needs."""

    graphs: tuple[Graph, ...]
    arrays: Mapping[str, F32] = field(default_factory=dict)


class Tensors:
    """A file's tensors, of which each must be taken, in the shape that the network wants.

    path: what error messages call the file.  taken: how many were there and fitted.
    """

    def __init__(self, tensors: Mapping[str, F32], path: str) -> None:
        self._tensors = tensors
        self._path = path
        self._left = dict.fromkeys(tensors)
        self.taken = 0

    def take(self, name: str, *shape: int) -> F32:
        """Return a tensor; FormatError if there is none, or it has another shape."""
        array = self._tensors.get(name)
        if array is None or array.shape != shape:
            found = "none" if array is None else f"{array.shape}"
            raise FormatError(self._path, 0, f"the tensor {name} of shape {shape}", found)
        self._left.pop(name, None)
        self.taken += 1
        return array

    def ignore(self, names: Iterable[str]) -> None:
        """Count these as taken, if they are there."""
        for name in names:
            self._left.pop(name, None)

    def end(self, network: str) -> None:
        """Fail unless all have been taken."""
        if self._left:
            names = ", ".join(list(self._left)[:3])
            found = f"{len(self._left)} more: {names}"
            raise FormatError(self._path, 0, f"the tensors of {network} and no others", found)


def _same(side: Side, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's padding before and after that gives ceil(side / stride) windows."""
    if stride == 1:
        total = kernel - 1
    elif side is not None:
        total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    elif kernel == stride == 2:
        total = 1  # which an odd side wants; at the end of an even one no window reaches it
    else:
        raise ShapeError(f"a window of {kernel}, stride {stride}: wanted a known side, found any")
    return total // 2, total - total // 2


class Layers:
    """Builds a network from layers and the tensors they are named after.

    A convolution pads as TensorFlow's SAME does, unless told not to.  kernel: what the tensors of
    convolutions are called.
    """

    def __init__(self, name: str, tensors: Tensors, *, kernel: str = "filters") -> None:
        self._build = GraphBuilder(name)
        self._tensors = tensors
        self._kernel = kernel
        self._sums = 0

    def planes(self, rows: Side, columns: Side) -> str:
        """Declare the input: (n, 3, rows, columns) float32, normalised."""
        return self._build.planes("planes", 3, rows, columns)

    def _pads(self, x: str, kernel: int, stride: int, same: bool) -> tuple[int, ...]:
        if not same:
            return (0, 0, 0, 0)
        _, rows, columns = self._build.shape(x)
        (top, bottom), (left, right) = (_same(side, kernel, stride) for side in (rows, columns))
        return top, left, bottom, right

    def _convolve(
        self, x: str, name: str, weight: F32, bias: F32 | None, stride: int, same: bool, groups: int
    ) -> str:
        pads = self._pads(x, weight.shape[2], stride, same)
        attrs: dict[str, Attr] = {"strides": (stride,) * 2, "pads": pads, "groups": groups}
        params = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return self._build.add(Op.CONV, [x], attrs=attrs, params=params, name=name)

    def conv(
        self,
        x: str,
        name: str,
        count: int,
        side: int = 1,
        *,
        stride: int = 1,
        same: bool = True,
        kernel: str | None = None,
        bias: str = "bias",
        label: str | None = None,
    ) -> str:
        """Convolve to ``count`` channels, and add the bias.  label: the value's name."""
        shape = (side, side, self._build.shape(x)[0], count)
        weight = self._tensors.take(f"{name}/{kernel or self._kernel}", *shape)
        oihw = np.ascontiguousarray(weight.transpose(3, 2, 0, 1))
        added = self._tensors.take(f"{name}/{bias}", count)
        return self._convolve(x, label or name, oihw, added, stride, same, 1)

    def conv_3x3(self, x: str, name: str, count: int, *, stride: int = 1) -> str:
        """Convolve all channels 3 x 3, where :meth:`separable` does it in two steps."""
        return self.conv(x, name, count, 3, stride=stride)

    def depthwise(
        self, x: str, name: str, *, stride: int = 1, kernel: str = "depthwise_filter"
    ) -> str:
        """Convolve each channel with a 3 x 3 kernel of its own; no bias."""
        channels = self._build.shape(x)[0]
        weight = self._tensors.take(f"{name}/{kernel}", 3, 3, channels, 1)
        oihw = np.ascontiguousarray(weight.transpose(2, 3, 0, 1))
        return self._convolve(x, f"{name}/{kernel}", oihw, None, stride, True, channels)

    def separable(self, x: str, name: str, count: int, *, stride: int = 1) -> str:
        """Convolve each channel 3 x 3, then all of them 1 x 1, and add the bias."""
        each = self.depthwise(x, name, stride=stride)
        return self.conv(each, name, count, kernel="pointwise_filter")

    def max_pool(self, x: str, side: int, stride: int = 2, *, same: bool = True) -> str:
        """Take the maximum of windows; what is padded never counts."""
        return self._pool(Op.MAX_POOL, x, side, stride, same)

    def avg_pool(self, x: str, side: int) -> str:
        """Take the mean of windows side by side; what is left at the end is dropped."""
        return self._pool(Op.AVG_POOL, x, side, side, False)

    def _pool(self, op: Op, x: str, side: int, stride: int, same: bool) -> str:
        pads = self._pads(x, side, stride, same)
        attrs: dict[str, Attr] = {"kernel": (side,) * 2, "strides": (stride,) * 2, "pads": pads}
        return self._build.add(op, [x], attrs=attrs)

    def batch_norm(self, x: str, name: str) -> str:
        """Normalise by the running statistics."""
        names = {
            "gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance",
        }  # fmt: skip
        count = self._build.shape(x)[0]
        params = {key: self._tensors.take(f"{name}/{at}", count) for key, at in names.items()}
        return self._build.add(Op.BATCH_NORM, [x], attrs={"eps": _EPS}, params=params, name=name)

    def scale(self, x: str, name: str) -> str:
        """Scale and shift each channel."""
        names = {"gamma": "weights", "beta": "biases"}
        count = self._build.shape(x)[0]
        params = {key: self._tensors.take(f"{name}/{at}", count) for key, at in names.items()}
        return self._build.add(Op.AFFINE, [x], params=params, name=name)

    def relu(self, x: str) -> str:
        """Keep what is positive."""
        return self._build.add(Op.RELU, [x])

    def relu6(self, x: str) -> str:
        """Clip to 0 to 6."""
        return self._build.add(Op.CLIP, [x], attrs={"low": 0.0, "high": 6.0})

    def leaky(self, x: str) -> str:
        """Multiply what is negative by 0.1."""
        return self._build.add(Op.LEAKY_RELU, [x], attrs={"alpha": _LEAK})

    def prelu(self, x: str, name: str) -> str:
        """Multiply what is negative by a factor per channel."""
        alpha = self._tensors.take(f"{name}_alpha", self._build.shape(x)[0])
        return self._build.add(Op.PRELU, [x], params={"alpha": alpha}, name=name)

    def second_of_two(self, x: str, tensors: str, *inner: int, name: str) -> str:
        """Return the second of two classes' softmax, as the sigmoid of their difference.

        inner: the sides of the weight before (in, 2).
        """
        channels = self._build.shape(x)[0]
        weight = self._tensors.take(f"{tensors}/weights", *inner, channels, 2).astype(np.float64)
        bias = self._tensors.take(f"{tensors}/bias", 2).astype(np.float64)
        rise = (weight[..., 1] - weight[..., 0]).astype(np.float32).reshape(1, channels, 1, 1)
        start = (bias[1:] - bias[:1]).astype(np.float32)
        value = self._convolve(x, tensors, rise, start, 1, True, 1)
        return self._build.add(Op.SIGMOID, [value], name=name)

    def add(self, one: str, other: str) -> str:
        """Add two values; what one is smaller by counts as zeros at the end of each axis."""
        self._sums += 1
        return self._build.add_padded(one, other, name=f"sum{self._sums}")

    def mean(self, x: str, name: str) -> str:
        """Take the mean over all rows and columns."""
        return self._build.add(Op.GLOBAL_AVG_POOL, [x], name=name)

    def dense(self, x: str, name: str, count: int, *, label: str | None = None) -> str:
        """Multiply by a matrix and add the bias.  label: the value's name."""
        weight = self._matrix(x, f"{name}/weights", count)
        params = {"weight": weight, "bias": self._tensors.take(f"{name}/bias", count)}
        return self._build.add(Op.FC, [x], params=params, name=label or name)

    def matrix(self, x: str, name: str, count: int, *, label: str) -> str:
        """Multiply by a matrix, which is the tensor of this name."""
        params = {"weight": self._matrix(x, name, count)}
        return self._build.add(Op.FC, [x], params=params, name=label)

    def _matrix(self, x: str, name: str, count: int) -> F32:
        """Return a matrix with its rows in the order channel, row, column; channels come last."""
        channels, rows, columns = (int(side or 1) for side in self._build.shape(x))
        weight = self._tensors.take(name, rows * columns * channels, count)
        planes = weight.reshape(rows, columns, channels, count).transpose(2, 0, 1, 3)
        return np.ascontiguousarray(planes.reshape(-1, count))

    def cells(self, maps: list[str], size: int, name: str) -> str:
        """Return what the maps say of each cell, ``size`` numbers a row: (n, 1, all, size)."""
        return self._build.add(Op.CELLS, maps, attrs={"size": size}, name=name)

    def graph(self, *outputs: str) -> Graph:
        """Return the network."""
        return self._build.finish(list(outputs))
