"""Rewrites that bring a network to int8: weights of 255 levels, activations of 256.

The result is a graph like any other, whose numbers lie on grids: the reference backend evaluates it
as it stands, and a backend that has kernels for bytes stores those numbers as bytes.

Every channel has steps of its own.  What several layers hand on by adding (the shortcuts of a
residual network) stays float32: only what convolutions take and give is rounded.
Source of the scheme: Jacob et al. 2018; of steps per channel, evened out between activations and
weights by a power: Nagel et al. 2019, Xiao et al. 2023 (SmoothQuant, alpha 0.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from phiz.checks import F32
from phiz.errors import ShapeError
from phiz.graph.graph import Attr, Graph, Node, apply
from phiz.graph.ops import Op
from phiz.graph.passes import drop_tiny, drop_unread, fold_affine, fold_batch_norm
from phiz.graph.shapes import Shape, infer

__all__ = [
    "FULL",
    "REDUCED",
    "Place",
    "pools_to_convolutions",
    "prepare",
    "quantise",
    "rounded_values",
]

FULL = 127
"""The largest weight of eight bits."""
REDUCED = 64
"""The largest weight where products of neighbours are added in 16 bits: 2 * 255 * 64 < 2 ** 15."""

_LEVELS = 255
_COLOURS = 3
_MIDDLE = 128  # the zero of values that have both signs
_LEAST = 1e-3  # of the largest limit: channels that are always zero need a step too
_EVENED = 0.5  # how far limits per channel are kept where weights have to make up for them
_MOST_OFFSET = 2**30  # units: sums are taken in 32 bits
_TINY = 1e-30
_NEVER_NEGATIVE = (Op.RELU, Op.SIGMOID)
_KEEPS_SIGN = (Op.MAX_POOL, Op.AVG_POOL, Op.GLOBAL_AVG_POOL, Op.PAD)


@dataclass(frozen=True, slots=True)
class Place:
    """A value that is rounded.

    signed: it may be negative.  weighed: a convolution takes it, and weights make up for steps
    that differ from channel to channel.
    """

    signed: bool
    weighed: bool


def pools_to_convolutions(graph: Graph) -> Graph:
    """Turn averages, and the channels of zeros that are appended to them, into convolutions.

    Runtimes have fast kernels for those, and the weights, 0 and 1 / pixels, are exact in int8.
    """
    shapes = infer(graph)
    changed: dict[str, Node] = {}
    gone: set[str] = set()
    for node in graph.nodes:
        if node.op is not Op.AVG_POOL or any(node.ints("pads")):
            continue
        channels, kernel = shapes[node.name][0], node.ints("kernel")
        last, more = node, 0
        readers = graph.readers(node.name)
        if len(readers) == 1 and readers[0].op is Op.PAD and node.name not in graph.outputs:
            (after,) = readers
            if not after.number("rows") and not after.number("columns"):
                last, more = after, int(after.number("channels"))
                gone.add(node.name)
        weight = np.zeros((channels + more, channels, *kernel), np.float32)
        weight[np.arange(channels), np.arange(channels)] = 1 / np.prod(kernel)
        attrs: dict[str, Attr] = {
            "strides": node.ints("strides"), "pads": (0, 0, 0, 0), "groups": 1,
        }  # fmt: skip
        changed[last.name] = replace(
            last, op=Op.CONV, inputs=node.inputs, attrs=attrs, params={"weight": weight}
        )
    nodes = (changed.get(node.name, node) for node in graph.nodes if node.name not in gone)
    return replace(graph, nodes=tuple(nodes))


def prepare(graph: Graph) -> Graph:
    """Return a graph as :func:`quantise` wants it: normalisation folded, averages convolved."""
    steps = (drop_unread, fold_batch_norm, fold_affine, drop_tiny, pools_to_convolutions)
    return apply(graph, *steps)


def _signed(graph: Graph, name: str) -> bool:
    """Say whether a value may be negative."""
    node = next((each for each in graph.nodes if each.name == name), None)
    if node is None or node.op in _NEVER_NEGATIVE:
        return node is None
    averages = node.op is Op.CONV and "bias" not in node.params and node.params["weight"].min() >= 0
    return _signed(graph, node.inputs[0]) if averages or node.op in _KEEPS_SIGN else True


def _rounds(node: Node, shapes: Mapping[str, Shape]) -> bool:
    """Say whether a node is a convolution to do in int8.

    One with a single pixel of output costs little, and its errors are never averaged.
    """
    if node.op is not Op.CONV or node.number("groups") != 1:
        return False
    return shapes[node.name][1:] != (1, 1)


def _whole_pixels(graph: Graph, node: Node) -> bool:
    """Say whether a convolution takes nothing but pixels of a picture, which are bytes already."""
    source = next((each for each in graph.nodes if each.name == node.inputs[0]), None)
    if source is None or source.op is not Op.TO_TENSOR or any(node.ints("pads")):
        return False
    return bool(node.params["weight"].shape[1] == _COLOURS)


def _given(graph: Graph, node: Node) -> str:
    """Return the value that a convolution in int8 gives: itself, or the rectifier behind it."""
    readers = graph.readers(node.name)
    if len(readers) == 1 and readers[0].op is Op.RELU and node.name not in graph.outputs:
        return readers[0].name
    return node.name


def _origin(graph: Graph, name: str) -> str:
    """Return the value whose levels this one has: maxima of levels are levels."""
    node = next((each for each in graph.nodes if each.name == name), None)
    if node is not None and node.op is Op.MAX_POOL:
        return _origin(graph, node.inputs[0])
    return name


def rounded_values(graph: Graph) -> dict[str, Place]:
    """Return which values are to be rounded: what convolutions in int8 take and give.

    graph: after :func:`prepare`.
    """
    shapes = infer(graph)
    eight = [node for node in graph.nodes if _rounds(node, shapes)]
    given = {_given(graph, node) for node in eight}
    taken = set()
    for node in eight:
        if not _whole_pixels(graph, node):
            origin = _origin(graph, node.inputs[0])
            taken.add(origin if origin in given else node.inputs[0])
    return {
        node.name: Place(_signed(graph, node.name), node.name in taken)
        for node in graph.nodes
        if node.name in given | taken
    }


def _steps(place: Place, limits: F32) -> F32:
    """Return the step of each channel of a value, whose limits are magnitudes."""
    most = max(float(limits.max()), 1e-12)
    share = np.maximum(limits.astype(np.float64) / most, _LEAST)
    reach = most * share**_EVENED if place.weighed else most * share
    return (reach / (_LEVELS - _MIDDLE if place.signed else _LEVELS)).astype(np.float32)


def _weights(node: Node, steps: F32, top: int) -> Node:
    """Return a convolution whose weights, times the steps of its input, are levels."""
    weight = node.params["weight"].astype(np.float64)
    by_channel = steps.astype(np.float64)[:, None, None]
    largest = np.abs(weight * by_channel).max(axis=(1, 2, 3)) / top
    offset = np.abs(node.params.get("bias", np.zeros(1, np.float32))) / _MOST_OFFSET
    unit = np.maximum(np.maximum(largest, offset), _TINY).astype(np.float32)
    each = unit.astype(np.float64)[:, None, None, None]
    levels = np.clip(np.rint(weight * by_channel / each), -top, top)
    params = {**node.params, "weight": (levels * each / by_channel).astype(np.float32)}
    return replace(node, params={**params, "unit": unit})


def quantise(graph: Graph, limits: Mapping[str, F32], *, top: int = FULL) -> Graph:
    """Round weights and activations to levels.

    graph: see :func:`rounded_values`.  limits: of each value named there, the largest magnitude
    of each channel that is still told apart, (channels,).  top: the largest weight, in levels.

    Raises ShapeError for limits that are missing or are not those of this graph.
    """
    shapes = infer(graph)
    places = rounded_values(graph)
    eight = {node.name for node in graph.nodes if _rounds(node, shapes)}
    given = {_given(graph, node) for node in graph.nodes if node.name in eight}
    steps: dict[str, F32] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = tuple(
            f"{name}.int8" if name in places and (name in given or node.name in eight) else name
            for name in node.inputs
        )
        changed = replace(node, inputs=inputs)
        if node.name in eight:
            source = next(each for each in graph.nodes if each.name == node.inputs[0])
            if _whole_pixels(graph, node):
                grid = np.full(_COLOURS, source.number("scale"), np.float32)
            else:
                grid = steps[node.inputs[0]]
            changed = _weights(changed, grid, top)
        nodes.append(changed)
        if node.op is Op.MAX_POOL and node.inputs[0] in given:
            steps[node.name] = steps[node.inputs[0]]
        if node.name not in places:
            continue
        found = limits.get(node.name)
        if found is None or found.shape != (shapes[node.name][0],):
            raise ShapeError(
                f"{graph.name}: wanted a limit for each of the {shapes[node.name][0]} channels of "
                f"{node.name}, found {'none' if found is None else found.shape}"
            )
        place = places[node.name]
        steps[node.name] = _steps(place, found)
        zero = _MIDDLE if place.signed else 0
        nodes.append(
            Node(
                Op.QUANTISE, f"{node.name}.int8", (node.name,), {"zero": zero},
                {"steps": steps[node.name]},
            )
        )  # fmt: skip
    outputs = tuple(f"{name}.int8" if name in given else name for name in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)
