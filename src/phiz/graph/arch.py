"""Architectures: what a dlib network's file does not say.

A dlib network's topology is a C++ type and is not in its file, so it has to be written down.
Layers stand in the order data flows through them, from the input to the output; tags, skips and
sums keep dlib's own meaning: a tag names a value, ``Skip(t)`` goes on from the value of the
nearest tag ``t`` before it, ``AddPrev(t)`` adds that value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from phiz.checks import F32
from phiz.errors import ShapeError
from phiz.graph.builder import GraphBuilder
from phiz.graph.graph import Attr, Graph
from phiz.graph.ops import Op

__all__ = [
    "AddPrev",
    "Affine",
    "Arch",
    "AvgPool",
    "Con",
    "Fc",
    "InputRgb",
    "Layer",
    "LayerParams",
    "LossMetric",
    "MaxPool",
    "Relu",
    "Skip",
    "Tag",
    "chain",
]


@dataclass(frozen=True, slots=True)
class InputRgb:
    """RGB pictures: (value - mean) / 256, with the means from the file.

    size: side of the square picture that the network takes.
    sized: the file states the size (dlib's input_rgb_image_sized).
    """

    size: int
    sized: bool = False


@dataclass(frozen=True, slots=True)
class Con:
    """A convolution of ``filters`` square kernels.

    pad: by default half the kernel at stride 1 and none otherwise, as dlib's ``con``.
    """

    filters: int
    side: int
    stride: int = 1
    pad: int | None = None

    @property
    def padding(self) -> int:
        """Zeros around the input."""
        if self.pad is not None:
            return self.pad
        return self.side // 2 if self.stride == 1 else 0


@dataclass(frozen=True, slots=True)
class Affine:
    """A scale and shift per channel; a file may have batch normalisation in its place."""


@dataclass(frozen=True, slots=True)
class Relu:
    """max(0, x)."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The maximum of each window, without padding."""

    side: int
    stride: int


@dataclass(frozen=True, slots=True)
class AvgPool:
    """The mean of each window, without padding; side 0 is the whole picture."""

    side: int = 0
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Fc:
    """A fully connected layer."""

    outputs: int
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Tag:
    """Names the value here."""

    number: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Goes on from the tagged value."""

    number: int


@dataclass(frozen=True, slots=True)
class AddPrev:
    """Adds the tagged value; what is smaller is filled up with zeros at the end of each axis."""

    number: int


@dataclass(frozen=True, slots=True)
class LossMetric:
    """dlib's metric learning loss; its output is the network's."""


Layer: TypeAlias = "Con | Affine | Relu | MaxPool | AvgPool | Fc | Tag | Skip | AddPrev"
Parts: TypeAlias = "Layer | Sequence[Parts]"


def chain(*parts: Parts) -> tuple[Layer, ...]:
    """Flatten nested sequences of layers, so that blocks can be functions and repeats a product.

    >>> len(chain(Relu(), 2 * [Tag(1), (Relu(), AddPrev(1))]))
    7
    """

    def flat(part: Parts) -> Iterator[Layer]:
        if isinstance(part, Sequence):
            for inner in part:
                yield from flat(inner)
        else:
            yield part

    return tuple(flat(parts))


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

    mean: of the input's channels.  layers: one entry per layer, in the architecture's order.
    loss: the loss layer's fields.
    """

    mean: tuple[float, float, float]
    layers: tuple[LayerParams, ...]
    loss: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arch:
    """An architecture; see the module's docstring.

    >>> tiny = Arch("tiny", InputRgb(8), chain(Con(4, 3), Affine(), Relu(), AvgPool(), Fc(2)))
    >>> len(tiny.layers)
    5
    """

    name: str
    input: InputRgb
    layers: tuple[Layer, ...]
    loss: LossMetric | None = None

    def layer_number(self, index: int) -> int:
        """Return dlib's number of ``layers[index]``: counted from the output, the loss being 0."""
        return len(self.layers) - 1 - index + (self.loss is not None)

    def lower(self, params: ArchParams) -> Graph:
        """Return the graph of this architecture with these parameters.

        Nodes are named after the layer and dlib's number of it.  Raises ShapeError where the
        parameters do not fit.
        """
        builder = GraphBuilder(self.name)
        image = builder.image("image", self.input.size, self.input.size)
        attrs: dict[str, Attr] = {"mean": params.mean, "scale": 1 / 256}
        value = builder.add(Op.TO_TENSOR, [image], attrs=attrs, name="tensor")
        tags: dict[int, str] = {}
        for index, (layer, have) in enumerate(zip(self.layers, params.layers, strict=True)):
            name = f"{type(layer).__name__.lower()}{self.layer_number(index)}"
            if isinstance(layer, Tag):
                tags[layer.number] = value
            elif isinstance(layer, Skip):
                value = tags[layer.number]
            elif isinstance(layer, AddPrev):
                value = builder.add_padded(value, tags[layer.number], name=name)
            else:
                value = _lower_layer(builder, layer, have, value, name)
        return builder.finish([value])


def _lower_layer(
    builder: GraphBuilder, layer: Layer, have: LayerParams, value: str, name: str
) -> str:
    """Append the node of a layer that has one input; return its output."""
    if isinstance(layer, (MaxPool, AvgPool)):
        if layer.side == 0:
            return builder.add(Op.GLOBAL_AVG_POOL, [value], name=name, meta=have.meta)
        op = Op.MAX_POOL if isinstance(layer, MaxPool) else Op.AVG_POOL
        window = {
            "kernel": (layer.side, layer.side),
            "strides": (layer.stride, layer.stride),
            "pads": (0, 0, 0, 0),
        }
        return builder.add(op, [value], attrs=window, name=name, meta=have.meta)
    if isinstance(layer, Con):
        attrs: dict[str, Attr] = {
            "strides": (layer.stride, layer.stride),
            "pads": (layer.padding,) * 4,
            "groups": 1,
        }
        return builder.add(
            Op.CONV, [value], attrs=attrs, params=have.arrays, name=name, meta=have.meta
        )
    if isinstance(layer, Affine):
        normalises = "variance" in have.arrays
        return builder.add(
            Op.BATCH_NORM if normalises else Op.AFFINE,
            [value],
            attrs={"eps": float(have.meta["eps"])} if normalises else None,
            params=have.arrays,
            name=name,
            meta=have.meta,
        )
    if isinstance(layer, Fc):
        return builder.add(Op.FC, [value], params=have.arrays, name=name, meta=have.meta)
    if isinstance(layer, Relu):
        return builder.add(Op.RELU, [value], name=name, meta=have.meta)
    raise ShapeError(f"{name}: {layer} is no layer with one input")
