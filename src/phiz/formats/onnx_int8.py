"""A graph on grids (:mod:`phiz.graph.int8_passes`) to ONNX bytes that compute in int8.

Values lie in memory as ONNX Runtime's kernels for bytes want them: channels last.  Its own operator
QLinearConv with ``channels_last`` does without transpositions; source: ContribOperators.md of ONNX
Runtime 1.19.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64
from phiz.errors import ShapeError
from phiz.formats.onnx import assemble
from phiz.formats.onnx_ops import write_node
from phiz.formats.onnx_writer import FLOAT, OnnxWriter
from phiz.graph.graph import Graph, Node
from phiz.graph.ops import Op
from phiz.graph.shapes import Shape, infer

__all__ = ["encode_int8"]

_DOMAIN = "com.microsoft"
_COLOURS = 3
_MOST = 2**31 - 1
_GROUP = 4  # pixels of a picture that a convolution of stride 2 takes as one with more channels

_Writer: TypeAlias = Callable[[OnnxWriter, Node, Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class _Grid:
    """How bytes stand for numbers: ``steps * (byte - zero) + lows``, the bytes being ``stored``."""

    stored: str
    steps: F32
    zero: int
    lows: F32 | None = None


@dataclass(frozen=True, slots=True)
class _Placed:
    """A convolution as it is written: its source, its weights, and where they go.

    columns: of its result, where they are not the graph's.
    """

    source: str
    levels: F64
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    columns: int = 0


@dataclass(slots=True)
class _Int8Writer:
    """Writes nodes; values are float32 or bytes, (n, rows, columns, channels).

    grids: of the values that are bytes.  late: convolutions in int8 (and what has rectified them)
    that are written with the rounding of their results.
    """

    graph: Graph
    out: OnnxWriter
    grids: dict[str, _Grid] = field(default_factory=dict)
    late: dict[str, Node] = field(default_factory=dict)
    floats: set[str] = field(default_factory=set)

    def real(self, name: str) -> str:
        """Return the name of a value as float32; bytes are turned once."""
        grid = self.grids.get(name)
        result = f"{name}.real" if grid else name
        if grid is None or result in self.floats:
            return result
        self.floats.add(result)
        even = grid.lows is None and bool((grid.steps == grid.steps[0]).all())
        step = grid.steps[:1].reshape(()) if even else np.float32(1)
        inputs = [
            grid.stored,
            self.out.constant(f"{result}.step", np.asarray(step, np.float32)),
            self.out.constant(f"{result}.zero", np.array(grid.zero, np.uint8)),
        ]
        if even:
            return self.out.node("DequantizeLinear", inputs, result)
        whole = self.out.node("DequantizeLinear", inputs, f"{result}.whole")
        steps = self._row(f"{result}.steps", name, grid.steps)
        if grid.lows is None:
            return self.out.node("Mul", [whole, steps], result)
        above = self.out.node("Mul", [whole, steps], f"{result}.above")
        return self.out.node("Add", [above, self._row(f"{result}.lows", name, grid.lows)], result)

    def _row(self, constant: str, name: str, values: F32) -> str:
        """Add a number for each channel of a value, as a constant of a whole row of pixels.

        Kernels work along rows of it, and a few channels make short ones.
        """
        columns = _known(self.out.shapes[name])[2]
        return self.out.constant(constant, np.tile(values, (columns, 1)))

    def write(self, node: Node) -> None:
        """Append what computes a node."""
        if node.op is Op.CONV and "unit" in node.params:
            self.late[node.name] = node
        elif node.op is Op.RELU and node.inputs[0] in self.late:
            self.late[node.name] = self.late[node.inputs[0]]
        elif node.op is Op.QUANTISE and node.inputs[0] in self.late:
            self._convolve(self.late[node.inputs[0]], node)
        elif node.op is Op.QUANTISE:
            self._quantise(node)
        elif node.op is Op.MAX_POOL and node.inputs[0] in self.grids:
            grid = self.grids[node.inputs[0]]
            places = {key: node.ints(key) for key in ("strides", "pads")}
            self.out.node(
                f"{_DOMAIN}.NhwcMaxPool", [grid.stored], node.name,
                kernel_shape=node.ints("kernel"), **places,
            )  # fmt: skip
            self.grids[node.name] = replace(grid, stored=node.name)
        elif node.op is Op.TO_TENSOR and all(
            "unit" in reader.params for reader in self.graph.readers(node.name)
        ):
            pass  # convolutions take the pixels themselves
        elif node.op in _FLOATS:
            _FLOATS[node.op](self.out, node, [self.real(name) for name in node.inputs])
        else:
            raise ShapeError(f"{node.name}: {node.op} cannot be done in int8")

    def _quantise(self, node: Node) -> None:
        name, steps, zero = node.name, node.params["steps"], int(node.number("zero"))
        scale = self._row(f"{name}.scale", name, (1 / steps).astype(np.float32))
        scaled = self.out.node("Mul", [self.real(node.inputs[0]), scale], f"{name}.scaled")
        one = self.out.constant(f"{name}.one", np.array(1, np.float32))
        middle = self.out.constant(f"{name}.zero", np.array(zero, np.uint8))
        self.out.node("QuantizeLinear", [scaled, one, middle], name)
        self.grids[name] = _Grid(name, steps, zero)

    def _source(self, node: Node) -> tuple[_Grid, F32]:
        """Return the bytes that a convolution takes, and what to take off each sum, in units."""
        grid = self.grids.get(node.inputs[0])
        if grid is not None:
            return grid, np.zeros(1, np.float32)
        tensor = self.graph.node(node.inputs[0])  # of pixels: (byte - mean) * scale
        scale = np.full(3, tensor.number("scale"), np.float32)
        return _Grid(tensor.inputs[0], scale, 0), np.array(tensor.attrs["mean"], np.float32)

    def _convolve(self, node: Node, rounded: Node) -> None:
        """Write a convolution, its rectifier and the rounding of its results as one node."""
        name, unit = rounded.name, node.params["unit"].astype(np.float64)
        grid, mean = self._source(node)
        by_channel = grid.steps.astype(np.float64)[:, None, None]
        levels = np.rint(node.params["weight"] * by_channel / unit[:, None, None, None])
        none = np.zeros(len(unit), np.float32)
        offset = (node.params.get("bias", none) - rounded.params.get("lows", none)) / unit
        offset = offset - levels.sum(axis=(2, 3)) @ np.broadcast_to(mean, levels.shape[1:2])
        steps, zero = rounded.params["steps"], int(rounded.number("zero"))
        factors = (unit / steps).astype(np.float32)
        placed = _Placed(grid.stored, levels, node.ints("strides"), node.ints("pads"))
        pairs = levels.shape[1] == _COLOURS and placed.strides[1] == _GROUP // 2
        if pairs:
            placed = self._paired(node, placed, grid.zero)
            factors, offset = np.tile(factors, 2), np.tile(offset, 2)
        made = f"{name}.pairs" if pairs else name
        constants: dict[str, NDArray[np.generic]] = {
            "x.step": np.array(1, np.float32),
            "x.zero": np.array(grid.zero, np.uint8),
            "weight": placed.levels.astype(np.int8),
            "w.steps": factors,
            "w.zero": np.array(0, np.int8),
            "y.step": np.array(1, np.float32),
            "y.zero": np.array(zero, np.uint8),
            "bias": np.clip(np.rint(offset), -_MOST, _MOST).astype(np.int32),
        }
        named = [self.out.constant(f"{made}.{key}", each) for key, each in constants.items()]
        self.out.node(
            f"{_DOMAIN}.QLinearConv", [placed.source, *named], made, channels_last=1,
            kernel_shape=placed.levels.shape[2:], strides=placed.strides, pads=placed.pads,
        )  # fmt: skip
        if pairs:
            self._unpaired(name, made, placed.columns)
        self.grids[name] = _Grid(name, steps, zero, rounded.params.get("lows"))

    def _paired(self, node: Node, placed: _Placed, zero: int) -> _Placed:
        """Return a convolution of pixels as one of groups of four, that gives two columns at once.

        Groups of neighbours are channels as they lie in memory.  It multiplies more, by zeros, but
        three channels leave most of a vector empty.
        """
        name, (_, rows, columns) = node.name, _known(self.out.shapes[node.inputs[0]])
        count, _, tall, wide = placed.levels.shape
        top, left, bottom, _ = placed.pads
        width = -(-(wide + 2) // _GROUP)  # of the kernel, in groups
        groups = max(
            width - 1 + -(-_known(self.out.shapes[name])[2] // 2), -(-(left + columns) // _GROUP)
        )
        levels = np.zeros((2, count, _GROUP * width, _COLOURS, tall))
        for shift in (0, 1):
            taps = placed.levels.transpose(0, 3, 1, 2)
            levels[shift, :, 2 * shift : 2 * shift + wide] = taps
        levels = levels.reshape(2 * count, width, _GROUP * _COLOURS, tall).transpose(0, 2, 3, 1)
        ends = np.array([0, 0, left, 0, 0, 0, _GROUP * groups - left - columns, 0], np.int64)
        pads = self.out.constant(f"{name}.around", ends)
        fill = self.out.constant(f"{name}.fill", np.array(zero, np.uint8))
        wider = self.out.node("Pad", [placed.source, pads, fill], f"{name}.wider")
        sides = np.array([0, rows, groups, _GROUP * _COLOURS], np.int64)
        shape = self.out.constant(f"{name}.groups", sides)
        source = self.out.node("Reshape", [wider, shape], f"{name}.grouped")
        made = 2 * (groups - width + 1)
        return _Placed(source, levels, (placed.strides[0], 1), (top, 0, bottom, 0), made)

    def _unpaired(self, name: str, pairs: str, made: int) -> None:
        """Write the columns of pairs one by one, without those that are too many."""
        channels, rows, columns = _known(self.out.shapes[name])
        sides = self.out.constant(f"{name}.sides", np.array([0, rows, made, channels], np.int64))
        if made == columns:
            self.out.node("Reshape", [pairs, sides], name)
            return
        all_of_them = self.out.node("Reshape", [pairs, sides], f"{name}.columns")
        ends = {"from": 0, "to": columns, "axis": 2}
        limits = [
            self.out.constant(f"{name}.{key}", np.array([at], np.int64)) for key, at in ends.items()
        ]
        self.out.node("Slice", [all_of_them, *limits], name)


def _known(shape: Shape) -> tuple[int, int, int]:
    channels, rows, columns = shape
    if rows is None or columns is None:
        raise ShapeError(f"int8 wants a network whose sizes are known, found {shape}")
    return channels, rows, columns


def _to_tensor(out: OnnxWriter, node: Node, inputs: Sequence[str]) -> None:
    name = node.name
    real = out.node("Cast", inputs, f"{name}.float", to=FLOAT)
    mean = out.constant(f"{name}.mean", np.array(node.attrs["mean"], np.float32))
    scale = out.constant(f"{name}.scale", np.array(node.number("scale"), np.float32))
    out.node("Mul", [out.node("Sub", [real, mean], f"{name}.centred"), scale], name)


def _affine(out: OnnxWriter, node: Node, inputs: Sequence[str]) -> None:
    gamma, beta = (
        out.constant(f"{node.name}.{key}", node.params[key]) for key in ("gamma", "beta")
    )
    out.node("Add", [out.node("Mul", [*inputs, gamma], f"{node.name}.scaled"), beta], node.name)


def _pad(out: OnnxWriter, node: Node, inputs: Sequence[str]) -> None:
    ends = [int(node.number(axis)) for axis in ("rows", "columns", "channels")]
    pads = out.constant(f"{node.name}.pads", np.array([0] * 5 + ends, np.int64))
    out.node("Pad", [*inputs, pads], node.name)


def _by_planes(out: OnnxWriter, node: Node, inputs: Sequence[str]) -> None:
    """Write a node as it is written elsewhere, between two transpositions."""
    planes = out.node("Transpose", inputs, f"{node.name}.planes", perm=(0, 3, 1, 2))
    result = f"{node.name}.result"
    shapes = {**out.shapes, planes: out.shapes[node.inputs[0]], result: out.shapes[node.name]}
    inner = OnnxWriter(shapes)
    write_node(inner, replace(node, name=result, inputs=(planes,)))
    out.nodes += inner.nodes
    out.constants += inner.constants
    out.node("Transpose", [result], node.name, perm=(0, 2, 3, 1))


def _as(kind: str, **attributes: int | Sequence[int]) -> _Writer:
    def write(out: OnnxWriter, node: Node, inputs: Sequence[str]) -> None:
        out.node(kind, inputs, node.name, **attributes)

    return write


_FLOATS: Mapping[Op, _Writer] = {
    Op.TO_TENSOR: _to_tensor,
    Op.TO_PLANES: _as("Identity"),
    Op.CONV: _by_planes,
    Op.FC: _by_planes,
    Op.RELU: _as("Relu"),
    Op.AFFINE: _affine,
    Op.ADD: _as("Add"),
    Op.CONCAT: _as("Concat", axis=3),
    Op.PAD: _pad,
    Op.GLOBAL_AVG_POOL: _by_planes,  # ReduceMean adds up otherwise in a batch
}


def encode_int8(graph: Graph) -> bytes:
    """Return a graph on grids as the bytes of an ONNX file with ONNX Runtime's own operators.

    Inputs and outputs are those of the graph.  Raises ShapeError for operations that the networks
    of descriptors do not have, and for sizes that are not known.
    """
    inner = {name: f"{name}.last" for name in graph.outputs}
    nodes = tuple(
        replace(
            node,
            name=inner.get(node.name, node.name),
            inputs=tuple(inner.get(name, name) for name in node.inputs),
        )
        for node in graph.nodes
    )
    changed = replace(graph, nodes=nodes, outputs=tuple(inner.values()))
    out = OnnxWriter({**infer(graph), **infer(changed)})
    writer = _Int8Writer(changed, out)
    for node in nodes:
        writer.write(node)
    for name, last in inner.items():
        out.node("Transpose", [writer.real(last)], name, perm=(0, 3, 1, 2))
    return assemble(graph, out, graph.outputs, domains=[_DOMAIN])
