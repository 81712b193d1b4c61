"""Graph to ONNX bytes.

ONNX files are protocol buffers; the few message types that a network needs are written directly,
which spares users a dependency of 18 MB.  Source: ``onnx.proto3`` of ONNX 1.17, operator set 17;
protocol buffers encoding guide.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32
from phiz.graph.graph import Graph, Input, Node
from phiz.graph.ops import Op
from phiz.graph.shapes import Shape, infer

__all__ = ["OPSET", "encode_onnx"]

OPSET = 17
_IR_VERSION = 8
_FLOAT, _UINT8, _INT64 = 1, 2, 7  # TensorProto.DataType
_ATTR_INT, _ATTR_INTS = 2, 7  # AttributeProto.AttributeType; floats are written as inputs
_ATTR_FLOAT, _ATTR_STRING = 1, 3


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _attribute(name: str, value: int | float | str | Sequence[int]) -> bytes:
    head = _bytes(1, name)
    if isinstance(value, str):
        return head + _bytes(4, value) + _int(20, _ATTR_STRING)
    if isinstance(value, float):
        return head + _float(2, value) + _int(20, _ATTR_FLOAT)
    if isinstance(value, int):
        return head + _int(3, value) + _int(20, _ATTR_INT)
    return head + b"".join(_int(8, item) for item in value) + _int(20, _ATTR_INTS)


def _tensor(name: str, array: NDArray[np.generic]) -> bytes:
    kind = {"f": _FLOAT, "i": _INT64}[array.dtype.kind]
    dims = b"".join(_int(1, side) for side in array.shape)
    little = np.ascontiguousarray(array).astype("<f4" if kind == _FLOAT else "<i8", copy=False)
    return dims + _int(2, kind) + _bytes(8, name) + _bytes(9, little.tobytes())


def _value(name: str, kind: int, sides: Iterable[int | str]) -> bytes:
    dims = b"".join(
        _bytes(1, _int(1, side) if isinstance(side, int) else _bytes(2, side)) for side in sides
    )
    return _bytes(1, name) + _bytes(2, _bytes(1, _int(1, kind) + _bytes(2, dims)))


class _Writer:
    """Collects ONNX nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        self.constants.append(_tensor(name, array))
        return name

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        **attributes: int | float | str | Sequence[int],
    ) -> str:
        body = b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output)
        body += _bytes(3, output) + _bytes(4, kind)
        body += b"".join(_bytes(5, _attribute(key, attributes[key])) for key in attributes)
        self.nodes.append(body)
        return output

    def resize(self, source: str, output: str, channels: int, sides: Sequence[int]) -> str:
        """Append a bilinear Resize with aligned corners to (n, channels, *sides)."""
        batch = self.node(
            "Slice",
            [
                self.node("Shape", [source], f"{output}.shape"),
                self.constant(f"{output}.from", np.array([0], np.int64)),
                self.constant(f"{output}.to", np.array([1], np.int64)),
            ],
            f"{output}.batch",
        )
        rest = self.constant(f"{output}.sides", np.array([channels, *sides], np.int64))
        sizes = self.node("Concat", [batch, rest], f"{output}.sizes", axis=0)
        return self.node(
            "Resize",
            [source, "", "", sizes],
            output,
            coordinate_transformation_mode="align_corners",
            mode="linear",
        )

    def interleave(self, node: Node, shape: Shape) -> str:
        """Append what puts the phases of a picture together: first columns, then rows."""
        name, (down, across) = node.name, node.ints("strides")
        rows, columns = int(shape[1] or 0), int(shape[2] or 0)
        last = self.constant(f"{name}.last", np.array([4], np.int64))
        line = self.constant(f"{name}.line", np.array([0, 0, rows, 1, columns * across], np.int64))
        lines = []
        for i in range(down):
            phases = node.inputs[i * across : (i + 1) * across]
            apart = [
                self.node("Unsqueeze", [part, last], f"{name}.{i}.{j}")
                for j, part in enumerate(phases)
            ]
            pairs = self.node("Concat", apart, f"{name}.{i}.pairs", axis=4)
            lines.append(self.node("Reshape", [pairs, line], f"{name}.{i}.line"))
        stacked = self.node("Concat", lines, f"{name}.lines", axis=3)
        whole = np.array([0, 0, rows * down, columns * across], np.int64)
        keep = np.array([int(node.number("rows")), int(node.number("columns"))], np.int64)
        sizes = self.constant(f"{name}.whole", whole)
        if (keep == whole[2:]).all():
            return self.node("Reshape", [stacked, sizes], name)
        larger = self.node("Reshape", [stacked, sizes], f"{name}.larger")
        ends = (np.zeros(2, np.int64), keep, np.array([2, 3], np.int64))
        limits = [
            self.constant(f"{name}.{key}", value)
            for key, value in zip(("from", "to", "axes"), ends, strict=True)
        ]
        return self.node("Slice", [larger, *limits], name)


def _channels(array: F32) -> F32:
    return array.reshape(1, -1, 1, 1)


def _write_conv(out: _Writer, node: Node, weight: F32, bias: F32 | None, **attrs: object) -> None:
    inputs = [node.inputs[0], out.constant(f"{node.name}.weight", weight)]
    if bias is not None:
        inputs.append(out.constant(f"{node.name}.bias", bias))
    out.node("Conv", inputs, node.name, kernel_shape=weight.shape[2:], **attrs)  # type: ignore[arg-type]


def _write_gelu(out: _Writer, node: Node) -> None:
    """Write what the operator Gelu of later operator sets computes."""
    name, source = node.name, node.inputs[0]
    root, one, half = (
        out.constant(f"{name}.{key}", np.array(value, np.float32))
        for key, value in (("root", 2**0.5), ("one", 1), ("half", 0.5))
    )
    erf = out.node("Erf", [out.node("Div", [source, root], f"{name}.part")], f"{name}.erf")
    share = out.node("Add", [erf, one], f"{name}.share")
    out.node("Mul", [out.node("Mul", [source, share], f"{name}.twice"), half], name)


def _write_mean(out: _Writer, source: str, output: str, count: int) -> str:
    """Write the mean of each sample, added up as ``Op.LAYER_NORM`` says."""
    flat = out.constant(f"{output}.flat", np.array([0, count], np.int64))
    one = out.constant(f"{output}.one", np.array([0, 1, 1, 1], np.int64))
    axis = out.constant(f"{output}.axis", np.array(1, np.int64))
    last = out.constant(f"{output}.last", np.array([count - 1], np.int64))
    size = out.constant(f"{output}.size", np.array(count, np.float32))
    row = out.node("Reshape", [source, flat], f"{output}.row")
    sums = out.node("CumSum", [row, axis], f"{output}.sums")
    total = out.node("Gather", [sums, last], f"{output}.total", axis=1)
    share = out.node("Div", [total, size], f"{output}.share")
    return out.node("Reshape", [share, one], output)


def _write_norm(out: _Writer, node: Node, count: int) -> None:
    """Write the division of each sample by its deviation, or by the root of its mean square."""
    name, source = node.name, node.inputs[0]
    square = out.node("Mul", [source, source], f"{name}.square")
    power = _write_mean(out, square, f"{name}.power", count)
    if node.op is Op.LAYER_NORM:
        mean = _write_mean(out, source, f"{name}.mean", count)
        source = out.node("Sub", [source, mean], f"{name}.centred")
        mean = out.node("Mul", [mean, mean], f"{name}.mean.square")
        power = out.node("Sub", [power, mean], f"{name}.variance")
    eps = out.constant(f"{name}.eps", np.array(node.number("eps"), np.float32))
    root = out.node("Sqrt", [out.node("Add", [power, eps], f"{name}.sum")], f"{name}.root")
    scaled = out.node("Div", [source, root], f"{name}.scaled")
    gamma = out.constant(f"{name}.gamma", _channels(node.params["gamma"]))
    if "beta" not in node.params:
        out.node("Mul", [scaled, gamma], name)
        return
    beta = out.constant(f"{name}.beta", _channels(node.params["beta"]))
    out.node("Add", [out.node("Mul", [scaled, gamma], f"{name}.gained"), beta], name)


def _write_rotate(out: _Writer, node: Node, columns: int) -> None:
    """Write x * cos + (x with each pair's columns swapped) * (-sin, sin)."""
    name, source = node.name, node.inputs[0]
    cos, sin = node.params["cos"], node.params["sin"]
    end = 2 * cos.shape[1]
    order = np.arange(columns)
    order[:end] ^= 1
    keep, cross = np.ones((len(cos), columns)), np.zeros((len(cos), columns))
    keep[:, :end] = np.repeat(cos, 2, axis=1)
    cross[:, 0:end:2], cross[:, 1:end:2] = -sin, sin
    swapped = out.node(
        "Gather", [source, out.constant(f"{name}.order", order)], f"{name}.swapped", axis=3
    )
    factors = [
        out.constant(f"{name}.{key}", table.astype(np.float32))
        for key, table in (("cos", keep), ("sin", cross))
    ]
    first = out.node("Mul", [source, factors[0]], f"{name}.straight")
    out.node("Add", [first, out.node("Mul", [swapped, factors[1]], f"{name}.crossed")], name)


_SIMPLE = {
    Op.MATMUL: "MatMul",
    Op.RELU: "Relu",
    Op.SIGMOID: "Sigmoid",
    Op.GLOBAL_AVG_POOL: "GlobalAveragePool",
    Op.ADD: "Add",
}


def _write_node(out: _Writer, node: Node, shapes: Mapping[str, Shape]) -> None:
    name, source, params = node.name, node.inputs[0], node.params
    if node.op is Op.TO_TENSOR:
        mean = np.array(node.attrs["mean"], np.float32)
        if mean.size == 1:
            axis = out.constant(f"{name}.axis", np.array([1], np.int64))
            planes = out.node("Unsqueeze", [source, axis], f"{name}.planes")
        else:
            planes = out.node("Transpose", [source], f"{name}.planes", perm=(0, 3, 1, 2))
        real = out.node("Cast", [planes], f"{name}.float", to=_FLOAT)
        shift = out.constant(f"{name}.mean", _channels(mean))
        scale = out.constant(f"{name}.scale", np.array(node.number("scale"), np.float32))
        centred = out.node("Sub", [real, shift], f"{name}.centred")
        out.node("Mul", [centred, scale], name)
    elif node.op is Op.TO_PLANES:
        out.node("Transpose", [source], name, perm=(0, 3, 1, 2))
    elif node.op is Op.FLATTEN_PIXELS:
        flat = out.constant(f"{name}.shape", np.array([0, 0, -1], np.int64))
        lines = out.node("Reshape", [source, flat], f"{name}.lines")
        axis = out.constant(f"{name}.axis", np.array([1], np.int64))
        out.node("Unsqueeze", [lines, axis], name)
    elif node.op is Op.CONV:
        _write_conv(
            out,
            node,
            params["weight"],
            params.get("bias"),
            strides=node.ints("strides"),
            pads=node.ints("pads"),
            group=int(node.number("groups")),
        )
    elif node.op is Op.CONV_TRANSPOSE:
        weight = params["weight"]
        inputs = [source, out.constant(f"{name}.weight", weight)]
        if "bias" in params:
            inputs.append(out.constant(f"{name}.bias", params["bias"]))
        sizes = {key: node.ints(key) for key in ("strides", "pads")}
        out.node("ConvTranspose", inputs, name, kernel_shape=weight.shape[2:], **sizes)
    elif node.op is Op.SCALE:
        factor = out.constant(f"{name}.factor", np.array(node.number("factor"), np.float32))
        out.node("Mul", [source, factor], name)
    elif node.op is Op.LINEAR:
        factors = [source, out.constant(f"{name}.weight", params["weight"])]
        if "bias" in params:
            product = out.node("MatMul", factors, f"{name}.product")
            out.node("Add", [product, out.constant(f"{name}.bias", params["bias"])], name)
        else:
            out.node("MatMul", factors, name)
    elif node.op is Op.GELU:
        _write_gelu(out, node)
    elif node.op in (Op.LAYER_NORM, Op.RMS_NORM):
        _write_norm(out, node, math.prod(int(side or 1) for side in shapes[name]))
    elif node.op is Op.SOFTMAX:
        out.node("Softmax", [source], name, axis=3)
    elif node.op is Op.CAUSAL_MASK:
        _, rows, columns = (int(side or 1) for side in shapes[name])
        mask = np.where(np.tri(rows, columns, dtype=np.bool_), 0, -np.inf).astype(np.float32)
        out.node("Add", [source, out.constant(f"{name}.mask", mask)], name)
    elif node.op is Op.ROTATE:
        _write_rotate(out, node, int(shapes[name][2] or 1))
    elif node.op is Op.TRANSPOSE:
        out.node("Transpose", [source], name, perm=(0, 1, 3, 2))
    elif node.op is Op.RESHAPE:
        shape = np.array([0, *(int(side or 1) for side in shapes[name])], np.int64)  # 0: as it is
        out.node("Reshape", [source, out.constant(f"{name}.shape", shape)], name)
    elif node.op is Op.LEAKY_RELU:
        out.node("LeakyRelu", [source], name, alpha=node.number("alpha"))
    elif node.op is Op.CLIP:
        low = out.constant(f"{name}.low", np.array(node.number("low"), np.float32))
        high = out.constant(f"{name}.high", np.array(node.number("high"), np.float32))
        out.node("Clip", [source, low, high], name)
    elif node.op is Op.PRELU:
        # As x + (1 - alpha) * relu(-x): ONNX Runtime's own PRelu is several times slower.
        minus = out.constant(f"{name}.minus", _channels(np.full_like(params["alpha"], -1)))
        rest = out.constant(f"{name}.rest", _channels(1 - params["alpha"]))
        turned = out.node("Mul", [source, minus], f"{name}.turned")
        negative = out.node("Relu", [turned], f"{name}.negative")
        scaled = out.node("Mul", [negative, rest], f"{name}.scaled")
        out.node("Add", [source, scaled], name)
    elif node.op is Op.CELLS:
        # 0: as many as before; -1: all that are left.
        cells = np.array([0, 1, -1, int(node.number("size"))], np.int64)
        sizes = out.constant(f"{name}.shape", cells)
        parts: list[str] = []
        for i, each in enumerate(node.inputs):
            last = out.node("Transpose", [each], f"{name}.last{i}", perm=(0, 2, 3, 1))
            parts.append(out.node("Reshape", [last, sizes], f"{name}.part{i}"))
        out.node("Concat", parts, name, axis=2)
    elif node.op is Op.CONCAT:
        out.node("Concat", node.inputs, name, axis=1)
    elif node.op is Op.INTERLEAVE:
        out.interleave(node, shapes[source])
    elif node.op is Op.RESIZE:
        channels = shapes[source][0]
        sides = [int(node.number(key)) for key in ("rows", "columns")]
        out.resize(source, name, channels, sides)
    elif node.op is Op.BATCH_NORM:
        keys = ("gamma", "beta", "mean", "variance")
        constants = [out.constant(f"{name}.{key}", params[key]) for key in keys]
        out.node("BatchNormalization", [source, *constants], name, epsilon=node.number("eps"))
    elif node.op is Op.AFFINE:
        gamma = out.constant(f"{name}.gamma", _channels(params["gamma"]))
        beta = out.constant(f"{name}.beta", _channels(params["beta"]))
        out.node("Add", [out.node("Mul", [source, gamma], f"{name}.scaled"), beta], name)
    elif node.op in (Op.MAX_POOL, Op.AVG_POOL):
        out.node(
            "MaxPool" if node.op is Op.MAX_POOL else "AveragePool",
            [source],
            name,
            kernel_shape=node.ints("kernel"),
            strides=node.ints("strides"),
            pads=node.ints("pads"),
        )
    elif node.op is Op.PAD:
        ends = [int(node.number(axis)) for axis in ("channels", "rows", "columns")]
        pads = np.array([0, 0, 0, 0, 0, *ends], np.int64)
        out.node("Pad", [source, out.constant(f"{name}.pads", pads)], name)
    elif node.op is Op.FC:
        # Written as a convolution over the whole input: unlike a matrix product it computes each
        # sample the same way whatever the batch, so that a batch equals its single runs exactly.
        weight = params["weight"]
        kernel = weight.T.reshape(weight.shape[1], *(int(s or 1) for s in shapes[source]))
        _write_conv(out, node, kernel, params.get("bias"))
    else:
        kind = _SIMPLE[node.op]
        out.node(kind, list(node.inputs), name)


def _input(source: Input) -> bytes:
    rows, columns, channels = source.shape
    if source.kind == "planes":
        return _value(source.name, _FLOAT, ("n", channels, rows or "rows", columns or "columns"))
    if source.kind == "pixels":
        return _value(source.name, _FLOAT, ("n", rows or "rows", columns or "columns", channels))
    if source.kind == "gray":
        return _value(source.name, _UINT8, ("n", rows or "rows", columns or "columns"))
    return _value(source.name, _UINT8, ("n", rows or "rows", columns or "columns", channels))


def encode_onnx(
    graph: Graph,
    outputs: Sequence[str] | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
    doc: str = "",
) -> bytes:
    """Return the graph as the bytes of an ONNX file.

    outputs: values to return instead of the graph's own, such as those of inner layers.
    metadata: pairs that tools show beside the model.  doc: a text for people.
    """
    shapes = infer(graph)
    out = _Writer()
    for node in graph.nodes:
        _write_node(out, node, shapes)
    parts = [*(_bytes(1, node) for node in out.nodes), _bytes(2, graph.name)]
    parts += (_bytes(5, constant) for constant in out.constants)
    parts += (_bytes(11, _input(source)) for source in graph.inputs)
    for name in outputs or graph.outputs:
        channels, rows, columns = shapes[name]
        sides = ("n", channels, rows or f"{name}.rows", columns or f"{name}.columns")
        parts.append(_bytes(12, _value(name, _FLOAT, sides)))
    body = b"".join(parts)
    opset = _bytes(1, "") + _int(2, OPSET)
    said = _bytes(6, doc) if doc else b""
    model = _int(1, _IR_VERSION) + _bytes(2, "phiz") + said + _bytes(7, body) + _bytes(8, opset)
    pairs = (metadata or {}).items()
    return model + b"".join(_bytes(14, _bytes(1, key) + _bytes(2, value)) for key, value in pairs)
