"""Each operation of a graph as nodes of ONNX, operator set 17."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32
from phiz.formats.onnx_writer import FLOAT, OnnxWriter
from phiz.graph.graph import Node
from phiz.graph.ops import Op
from phiz.graph.shapes import Shape

__all__ = ["write_node"]


def _channels(array: F32) -> F32:
    return array.reshape(1, -1, 1, 1)


def _known(shape: Shape) -> list[int]:
    return [int(side or 1) for side in shape]


def _sizes(*sides: int) -> NDArray[np.int64]:
    return np.array(sides, np.int64)


def _to_tensor(out: OnnxWriter, node: Node) -> None:
    name, (source,) = node.name, node.inputs
    mean = np.array(node.attrs["mean"], np.float32)
    if mean.size == 1:
        axis = out.constant(f"{name}.axis", _sizes(1))
        planes = out.node("Unsqueeze", [source, axis], f"{name}.planes")
    else:
        planes = out.node("Transpose", [source], f"{name}.planes", perm=(0, 3, 1, 2))
    real = out.node("Cast", [planes], f"{name}.float", to=FLOAT)
    shift = out.constant(f"{name}.mean", _channels(mean))
    scale = out.constant(f"{name}.scale", np.array(node.number("scale"), np.float32))
    centred = out.node("Sub", [real, shift], f"{name}.centred")
    out.node("Mul", [centred, scale], name)


def _to_planes(out: OnnxWriter, node: Node) -> None:
    out.node("Transpose", node.inputs, node.name, perm=(0, 3, 1, 2))


def _flatten_pixels(out: OnnxWriter, node: Node) -> None:
    name = node.name
    flat = out.constant(f"{name}.shape", _sizes(0, 0, -1))
    lines = out.node("Reshape", [*node.inputs, flat], f"{name}.lines")
    out.node("Unsqueeze", [lines, out.constant(f"{name}.axis", _sizes(1))], name)


def _filtered(out: OnnxWriter, node: Node, kind: str, weight: F32, **attrs: object) -> None:
    """Append a convolution, plain or transposed."""
    inputs = [node.inputs[0], out.constant(f"{node.name}.weight", weight)]
    if "bias" in node.params:
        inputs.append(out.constant(f"{node.name}.bias", node.params["bias"]))
    out.node(kind, inputs, node.name, kernel_shape=weight.shape[2:], **attrs)  # type: ignore[arg-type]


def _conv(out: OnnxWriter, node: Node) -> None:
    places = {key: node.ints(key) for key in ("strides", "pads")}
    groups = int(node.number("groups"))
    _filtered(out, node, "Conv", node.params["weight"], **places, group=groups)


def _conv_transpose(out: OnnxWriter, node: Node) -> None:
    places = {key: node.ints(key) for key in ("strides", "pads")}
    _filtered(out, node, "ConvTranspose", node.params["weight"], **places)


def _fc(out: OnnxWriter, node: Node) -> None:
    # Written as a convolution over the whole input: unlike a matrix product it computes each
    # sample the same way whatever the batch, so that a batch equals its single runs exactly.
    weight = node.params["weight"]
    kernel = weight.T.reshape(weight.shape[1], *_known(out.shapes[node.inputs[0]]))
    _filtered(out, node, "Conv", kernel)


def _scale(out: OnnxWriter, node: Node) -> None:
    factor = out.constant(f"{node.name}.factor", np.array(node.number("factor"), np.float32))
    out.node("Mul", [*node.inputs, factor], node.name)


def _linear(out: OnnxWriter, node: Node) -> None:
    name, params = node.name, node.params
    factors = [*node.inputs, out.constant(f"{name}.weight", params["weight"])]
    if "bias" in params:
        product = out.node("MatMul", factors, f"{name}.product")
        out.node("Add", [product, out.constant(f"{name}.bias", params["bias"])], name)
    else:
        out.node("MatMul", factors, name)


def _gelu(out: OnnxWriter, node: Node) -> None:
    """Write what the operator Gelu of later operator sets computes."""
    name, source = node.name, node.inputs[0]
    root, one, half = (
        out.constant(f"{name}.{key}", np.array(value, np.float32))
        for key, value in (("root", 2**0.5), ("one", 1), ("half", 0.5))
    )
    erf = out.node("Erf", [out.node("Div", [source, root], f"{name}.part")], f"{name}.erf")
    share = out.node("Add", [erf, one], f"{name}.share")
    out.node("Mul", [out.node("Mul", [source, share], f"{name}.twice"), half], name)


def _mean(out: OnnxWriter, source: str, output: str, count: int) -> str:
    """Write the mean of each sample, added up as ``Op.LAYER_NORM`` says."""
    flat = out.constant(f"{output}.flat", _sizes(0, count))
    one = out.constant(f"{output}.one", _sizes(0, 1, 1, 1))
    axis = out.constant(f"{output}.axis", np.array(1, np.int64))
    last = out.constant(f"{output}.last", _sizes(count - 1))
    size = out.constant(f"{output}.size", np.array(count, np.float32))
    row = out.node("Reshape", [source, flat], f"{output}.row")
    sums = out.node("CumSum", [row, axis], f"{output}.sums")
    total = out.node("Gather", [sums, last], f"{output}.total", axis=1)
    share = out.node("Div", [total, size], f"{output}.share")
    return out.node("Reshape", [share, one], output)


def _norm(out: OnnxWriter, node: Node) -> None:
    """Write the division of each sample by its deviation, or by the root of its mean square."""
    name, source = node.name, node.inputs[0]
    count = math.prod(_known(out.shapes[name]))
    square = out.node("Mul", [source, source], f"{name}.square")
    power = _mean(out, square, f"{name}.power", count)
    if node.op is Op.LAYER_NORM:
        mean = _mean(out, source, f"{name}.mean", count)
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


def _rotate(out: OnnxWriter, node: Node) -> None:
    """Write x * cos + (x with each pair's columns swapped) * (-sin, sin)."""
    name, source = node.name, node.inputs[0]
    cos, sin = node.params["cos"], node.params["sin"]
    columns = _known(out.shapes[name])[2]
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


def _softmax(out: OnnxWriter, node: Node) -> None:
    out.node("Softmax", node.inputs, node.name, axis=3)


def _causal_mask(out: OnnxWriter, node: Node) -> None:
    _, rows, columns = _known(out.shapes[node.name])
    mask = np.where(np.tri(rows, columns, dtype=np.bool_), 0, -np.inf).astype(np.float32)
    out.node("Add", [*node.inputs, out.constant(f"{node.name}.mask", mask)], node.name)


def _transpose(out: OnnxWriter, node: Node) -> None:
    out.node("Transpose", node.inputs, node.name, perm=(0, 1, 3, 2))


def _reshape(out: OnnxWriter, node: Node) -> None:
    sizes = out.constant(
        f"{node.name}.shape", _sizes(0, *_known(out.shapes[node.name]))
    )  # 0: as it is
    out.node("Reshape", [*node.inputs, sizes], node.name)


def _leaky_relu(out: OnnxWriter, node: Node) -> None:
    out.node("LeakyRelu", node.inputs, node.name, alpha=node.number("alpha"))


def _clip(out: OnnxWriter, node: Node) -> None:
    limits = [
        out.constant(f"{node.name}.{key}", np.array(node.number(key), np.float32))
        for key in ("low", "high")
    ]
    out.node("Clip", [*node.inputs, *limits], node.name)


def _prelu(out: OnnxWriter, node: Node) -> None:
    # As x + (1 - alpha) * relu(-x): ONNX Runtime's own PRelu is several times slower.
    name, (source,), alpha = node.name, node.inputs, node.params["alpha"]
    minus = out.constant(f"{name}.minus", _channels(np.full_like(alpha, -1)))
    rest = out.constant(f"{name}.rest", _channels(1 - alpha))
    turned = out.node("Mul", [source, minus], f"{name}.turned")
    negative = out.node("Relu", [turned], f"{name}.negative")
    scaled = out.node("Mul", [negative, rest], f"{name}.scaled")
    out.node("Add", [source, scaled], name)


def _cells(out: OnnxWriter, node: Node) -> None:
    # 0: as many as before; -1: all that are left.
    name, size = node.name, int(node.number("size"))
    cells = out.constant(f"{name}.shape", _sizes(0, 1, -1, size))
    parts = []
    for i, each in enumerate(node.inputs):
        behind = out.node("Transpose", [each], f"{name}.last{i}", perm=(0, 2, 3, 1))
        parts.append(out.node("Reshape", [behind, cells], f"{name}.part{i}"))
    out.node("Concat", parts, name, axis=2)


def _concat(out: OnnxWriter, node: Node) -> None:
    out.node("Concat", node.inputs, node.name, axis=1)


def _interleave(out: OnnxWriter, node: Node) -> None:
    """Put the phases of a picture together: first columns, then rows."""
    name, (down, across) = node.name, node.ints("strides")
    _, rows, columns = _known(out.shapes[node.inputs[0]])
    last = out.constant(f"{name}.last", _sizes(4))
    line = out.constant(f"{name}.line", _sizes(0, 0, rows, 1, columns * across))
    lines = []
    for i in range(down):
        phases = node.inputs[i * across : (i + 1) * across]
        apart = [
            out.node("Unsqueeze", [part, last], f"{name}.{i}.{j}") for j, part in enumerate(phases)
        ]
        pairs = out.node("Concat", apart, f"{name}.{i}.pairs", axis=4)
        lines.append(out.node("Reshape", [pairs, line], f"{name}.{i}.line"))
    stacked = out.node("Concat", lines, f"{name}.lines", axis=3)
    whole = out.constant(f"{name}.whole", _sizes(0, 0, rows * down, columns * across))
    keep = (int(node.number("rows")), int(node.number("columns")))
    if keep == (rows * down, columns * across):
        out.node("Reshape", [stacked, whole], name)
        return
    larger = out.node("Reshape", [stacked, whole], f"{name}.larger")
    ends = {"from": _sizes(0, 0), "to": _sizes(*keep), "axes": _sizes(2, 3)}
    limits = [out.constant(f"{name}.{key}", value) for key, value in ends.items()]
    out.node("Slice", [larger, *limits], name)


def _resize(out: OnnxWriter, node: Node) -> None:
    name, (source,) = node.name, node.inputs
    channels = _known(out.shapes[source])[0]
    shape = out.node("Shape", [source], f"{name}.shape")
    ends = [out.constant(f"{name}.{key}", _sizes(at)) for key, at in (("from", 0), ("to", 1))]
    batch = out.node("Slice", [shape, *ends], f"{name}.batch")
    sides = _sizes(channels, int(node.number("rows")), int(node.number("columns")))
    rest = out.constant(f"{name}.sides", sides)
    sizes = out.node("Concat", [batch, rest], f"{name}.sizes", axis=0)
    out.node(
        "Resize",
        [source, "", "", sizes],
        name,
        coordinate_transformation_mode="align_corners",
        mode="linear",
    )


def _batch_norm(out: OnnxWriter, node: Node) -> None:
    keys = ("gamma", "beta", "mean", "variance")
    constants = [out.constant(f"{node.name}.{key}", node.params[key]) for key in keys]
    inputs = [*node.inputs, *constants]
    out.node("BatchNormalization", inputs, node.name, epsilon=node.number("eps"))


def _affine(out: OnnxWriter, node: Node) -> None:
    name, params = node.name, node.params
    gamma = out.constant(f"{name}.gamma", _channels(params["gamma"]))
    beta = out.constant(f"{name}.beta", _channels(params["beta"]))
    out.node("Add", [out.node("Mul", [*node.inputs, gamma], f"{name}.scaled"), beta], name)


def _pool(out: OnnxWriter, node: Node) -> None:
    kind = "MaxPool" if node.op is Op.MAX_POOL else "AveragePool"
    places = {key: node.ints(key) for key in ("strides", "pads")}
    out.node(kind, node.inputs, node.name, kernel_shape=node.ints("kernel"), **places)


def _quantise(out: OnnxWriter, node: Node) -> None:
    name, steps, lows = node.name, node.params["steps"], node.params.get("lows")
    zeros = np.full(steps.shape, int(node.number("zero")), np.uint8)
    grid = [out.constant(f"{name}.steps", steps), out.constant(f"{name}.zeros", zeros)]
    if lows is None:
        levels = out.node("QuantizeLinear", [*node.inputs, *grid], f"{name}.levels", axis=1)
        out.node("DequantizeLinear", [levels, *grid], name, axis=1)
        return
    least = out.constant(f"{name}.lows", _channels(lows))
    above = out.node("Sub", [*node.inputs, least], f"{name}.above")
    levels = out.node("QuantizeLinear", [above, *grid], f"{name}.levels", axis=1)
    real = out.node("DequantizeLinear", [levels, *grid], f"{name}.real", axis=1)
    out.node("Add", [real, least], name)


def _pad(out: OnnxWriter, node: Node) -> None:
    ends = [int(node.number(axis)) for axis in ("channels", "rows", "columns")]
    pads = out.constant(f"{node.name}.pads", _sizes(0, 0, 0, 0, 0, *ends))
    out.node("Pad", [*node.inputs, pads], node.name)


def _as(kind: str) -> Callable[[OnnxWriter, Node], None]:
    def write(out: OnnxWriter, node: Node) -> None:
        out.node(kind, node.inputs, node.name)

    return write


_WRITERS: Mapping[Op, Callable[[OnnxWriter, Node], None]] = {
    Op.TO_TENSOR: _to_tensor,
    Op.TO_PLANES: _to_planes,
    Op.FLATTEN_PIXELS: _flatten_pixels,
    Op.CONV: _conv,
    Op.CONV_TRANSPOSE: _conv_transpose,
    Op.FC: _fc,
    Op.LINEAR: _linear,
    Op.MATMUL: _as("MatMul"),
    Op.BATCH_NORM: _batch_norm,
    Op.AFFINE: _affine,
    Op.LAYER_NORM: _norm,
    Op.RMS_NORM: _norm,
    Op.SCALE: _scale,
    Op.RELU: _as("Relu"),
    Op.LEAKY_RELU: _leaky_relu,
    Op.PRELU: _prelu,
    Op.CLIP: _clip,
    Op.SIGMOID: _as("Sigmoid"),
    Op.GELU: _gelu,
    Op.SOFTMAX: _softmax,
    Op.CAUSAL_MASK: _causal_mask,
    Op.ROTATE: _rotate,
    Op.MAX_POOL: _pool,
    Op.AVG_POOL: _pool,
    Op.GLOBAL_AVG_POOL: _as("GlobalAveragePool"),
    Op.QUANTISE: _quantise,
    Op.PAD: _pad,
    Op.ADD: _as("Add"),
    Op.CONCAT: _concat,
    Op.CELLS: _cells,
    Op.INTERLEAVE: _interleave,
    Op.RESIZE: _resize,
    Op.TRANSPOSE: _transpose,
    Op.RESHAPE: _reshape,
}


def write_node(out: OnnxWriter, node: Node) -> None:
    """Append what computes a node; its output carries the node's name."""
    _WRITERS[node.op](out, node)
