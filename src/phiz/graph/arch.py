"""Architectures: what a dlib network's file does not say.

A dlib network's topology is a C++ type and is not in its file, so it has to be written down.
Layers stand in the order data flows through them, from the input to the output; tags, skips and
sums keep dlib's own meaning: a tag names a value, ``Skip(t)`` goes on from the value of the
nearest tag ``t`` before it, ``AddPrev(t)`` adds that value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from phiz.checks import F32
from phiz.errors import ShapeError
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Attr, Graph
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Concat,
    Cont,
    Fc,
    Gelu,
    Input,
    InputMatrix,
    InputPlanes,
    InputPyramid,
    Layer,
    LayerNorm,
    LeakyRelu,
    Linear,
    Loss,
    MaxPool,
    Multiply,
    MultmPrev,
    PatchesToSequence,
    Relu,
    Repeat,
    ReshapeTo,
    ResizeTo,
    RmsNorm,
    Rotary,
    Sig,
    Skip,
    Softmaxm,
    Tag,
    Transpose,
    TrilMask,
)
from phiz.graph.ops import Op

__all__ = ["Arch", "ArchParams", "Extra", "LayerParams", "Layout", "Part"]

# Layers that are one operation without attributes; its parameters are those of the file.
_SIMPLE: Mapping[type, Op] = {
    Fc: Op.FC,
    Gelu: Op.GELU,
    Linear: Op.LINEAR,
    Relu: Op.RELU,
    Rotary: Op.ROTATE,
    Sig: Op.SIGMOID,
    Softmaxm: Op.SOFTMAX,
    Transpose: Op.TRANSPOSE,
    TrilMask: Op.CAUSAL_MASK,
}


@dataclass(frozen=True, slots=True, eq=False)
class LayerParams:
    """What a file holds for one layer, verbatim.

    kind: the file's name for it, such as ``con_4``.  arrays: parameters by the names that
    :class:`phiz.graph.ops.Op` uses.  meta: everything else the file says.
    """

    kind: str
    arrays: Mapping[str, F32]
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class ArchParams:
    """What a file holds for a network.

    input: the input layer's fields, such as ``mean``.  layers: one entry per layer of
    :meth:`Arch.flat`, in its order.  loss: the loss layer's fields.
    """

    input: Mapping[str, Any]
    layers: tuple[LayerParams, ...]
    loss: Mapping[str, Any]


def _flat(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Repeat):
            for _ in range(layer.count):
                yield from _flat(layer.layers)
        else:
            yield layer


@dataclass(frozen=True, slots=True)
class Arch:
    """An architecture; see the module's docstring.

    >>> from phiz.graph.layers import InputRgb, chain
    >>> tiny = Arch("tiny", InputRgb(8), chain(Con(4, 3), Affine(), Relu(), AvgPool(), Fc(2)))
    >>> len(tiny.layers)
    5
    """

    name: str
    input: Input
    layers: tuple[Layer, ...]
    loss: Loss | None = None

    def flat(self) -> tuple[Layer, ...]:
        """Return the layers with every repetition written out."""
        return tuple(_flat(self.layers))

    def lower(self, params: ArchParams) -> Graph:
        """Return the graph of this architecture with these parameters.

        Nodes are named after the layer and dlib's number of it: counted from the output, the loss
        being 0.  Raises ShapeError where the parameters do not fit.
        """
        layers = self.flat()
        builder = GraphBuilder(self.name)
        value = _lower_input(builder, self.input, params.input)
        tags: dict[int, str] = {}
        last = len(layers) - 1 + (self.loss is not None)
        for index, (layer, have) in enumerate(zip(layers, params.layers, strict=True)):
            name = f"{type(layer).__name__.lower()}{last - index}"
            if isinstance(layer, Tag):
                tags[layer.number] = value
            elif isinstance(layer, Skip):
                value = tags[layer.number]
            elif isinstance(layer, AddPrev):
                value = builder.add_padded(value, tags[layer.number], name=name)
            elif isinstance(layer, MultmPrev):
                value = builder.add(Op.MATMUL, [value, tags[layer.number]], name=name)
            elif isinstance(layer, Concat):
                value = builder.add(Op.CONCAT, [tags[tag] for tag in layer.tags], name=name)
            elif isinstance(layer, ResizeTo):
                _, rows, columns = builder.shape(tags[layer.number])
                if rows is None or columns is None:
                    raise ShapeError(f"{name}: cannot resize to an unknown size")
                attrs: dict[str, Attr] = {"rows": rows, "columns": columns}
                value = builder.add(Op.RESIZE, [value], attrs=attrs, name=name)
            else:
                value = _lower_layer(builder, layer, have, value, name)
        return builder.finish([value])


def _lower_input(builder: GraphBuilder, layer: Input, have: Mapping[str, Any]) -> str:
    """Append what turns the network's input into its first tensor."""
    if isinstance(layer, InputPlanes):
        return builder.planes("planes", layer.planes, 1, 1)
    if isinstance(layer, InputPyramid):
        return builder.planes("canvas", 3, None, None)
    if isinstance(layer, InputMatrix):
        gray = layer.pixels == "gray"
        image = (builder.gray if gray else builder.image)("image", layer.rows, layer.columns)
        mean: tuple[float, ...] = (0.0,) if gray else (0.0, 0.0, 0.0)
    else:
        image, mean = builder.image("image", layer.size, layer.size), have["mean"]
    return builder.add(Op.TO_TENSOR, [image], attrs={"mean": mean, "scale": 1 / 256}, name="tensor")


def _lower_layer(
    builder: GraphBuilder, layer: Layer, have: LayerParams, value: str, name: str
) -> str:
    """Append the node of a layer that has one input; return its output."""
    meta = have.meta
    if meta.get("disabled"):  # fused into the layer before it
        return value
    if isinstance(layer, (MaxPool, AvgPool)):
        if layer.side == 0:
            return builder.add(Op.GLOBAL_AVG_POOL, [value], name=name, meta=meta)
        pad = layer.pad if isinstance(layer, MaxPool) else 0
        window = {
            "kernel": (layer.side, layer.side),
            "strides": (layer.stride, layer.stride),
            "pads": (pad, pad, pad, pad),
        }
        op = Op.MAX_POOL if isinstance(layer, MaxPool) else Op.AVG_POOL
        return builder.add(op, [value], attrs=window, name=name, meta=meta)
    if isinstance(layer, Con):
        attrs: dict[str, Attr] = {
            "strides": (layer.stride, layer.stride),
            "pads": (layer.padding,) * 4,
            "groups": 1,
        }
        op = Op.CONV_TRANSPOSE if isinstance(layer, Cont) else Op.CONV
        # dlib's convolution with a built-in relu applies it only where there is a bias.
        relu = meta.get("use_relu") and "bias" in have.arrays
        inner = f"{name}.con" if relu else name
        value = builder.add(op, [value], attrs=attrs, params=have.arrays, name=inner, meta=meta)
        return builder.add(Op.RELU, [value], name=name) if relu else value
    if isinstance(layer, Affine):
        normalises = "variance" in have.arrays
        return builder.add(
            Op.BATCH_NORM if normalises else Op.AFFINE,
            [value],
            attrs={"eps": float(meta["eps"])} if normalises else None,
            params=have.arrays,
            name=name,
            meta=meta,
        )
    if isinstance(layer, (LayerNorm, RmsNorm)):
        op = Op.LAYER_NORM if isinstance(layer, LayerNorm) else Op.RMS_NORM
        eps: dict[str, Attr] = {"eps": float(meta["eps"])}
        return builder.add(op, [value], attrs=eps, params=have.arrays, name=name, meta=meta)
    if isinstance(layer, ReshapeTo):
        return _reshape(builder, value, (layer.channels, layer.rows, layer.columns), name)
    if isinstance(layer, PatchesToSequence):
        channels, rows, columns = builder.shape(value)
        if rows is None or columns is None:
            raise ShapeError(f"{name}: wanted pictures of known size")
        value = _reshape(builder, value, (1, channels, rows * columns), f"{name}.rows")
        return builder.add(Op.TRANSPOSE, [value], name=name)
    if isinstance(layer, Multiply):
        scale: dict[str, Attr] = {"factor": float(meta["value"])}
        return builder.add(Op.SCALE, [value], attrs=scale, name=name, meta=meta)
    if isinstance(layer, LeakyRelu):
        leak: dict[str, Attr] = {"alpha": float(meta["alpha"])}
        return builder.add(Op.LEAKY_RELU, [value], attrs=leak, name=name, meta=meta)
    if type(layer) in _SIMPLE:
        op = _SIMPLE[type(layer)]
        return builder.add(op, [value], params=have.arrays, name=name, meta=meta)
    raise ShapeError(f"{name}: {layer} is no layer with one input")


def _reshape(builder: GraphBuilder, value: str, shape: tuple[int, int, int], name: str) -> str:
    attrs = dict(zip(("channels", "rows", "columns"), shape, strict=True))
    return builder.add(Op.RESHAPE, [value], attrs=attrs, name=name)


class Extra(Enum):
    """What a weight file may hold besides networks."""

    SHAPE = "a shape predictor"
    LABELS = "a list of labels"
    RGBA = "a picture with transparency"


Part: TypeAlias = "Callable[[], Arch] | Extra"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a whole weight file holds, one thing after the other.

    name: of the architecture that it is known by.
    """

    name: str
    parts: tuple[Part, ...]
