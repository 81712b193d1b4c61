"""Rewrites of transposed convolutions into plain ones, for which processors have faster kernels.

They change the order of sums, by rounding errors, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from phiz.graph.graph import Attr, Graph, Node, Side
from phiz.graph.ops import Op
from phiz.graph.shapes import Shape, infer

__all__ = ["flip_transposed", "split_transposed"]

_FEW = 16  # output channels below which a plain convolution leaves vector instructions idle
_MOST_WORK = 1.25  # times as many sums as before cost more than the faster kernel saves
_POINTWISE = (Op.RELU, Op.LEAKY_RELU, Op.SIGMOID, Op.SCALE, Op.AFFINE)


def flip_transposed(graph: Graph) -> Graph:
    """Turn transposed convolutions of stride 1 into convolutions with the kernel turned round.

    Not where most of the outputs see mostly the border: a convolution works on that too.
    """
    shapes = infer(graph)

    def flipped(node: Node) -> Node:
        if node.op is not Op.CONV_TRANSPOSE or node.ints("strides") != (1, 1):
            return node
        _, tall, wide = shapes[node.name]
        if not _worth_it(shapes[node.inputs[0]], tall, wide):
            return node
        weight = node.params["weight"]
        tall, wide = weight.shape[2] - 1, weight.shape[3] - 1
        top, left, bottom, right = node.ints("pads")
        pads = (tall - top, wide - left, tall - bottom, wide - right)
        if min(pads) < 0:
            return node
        turned = np.ascontiguousarray(weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))
        attrs: dict[str, Attr] = {"strides": (1, 1), "pads": pads, "groups": 1}
        return replace(node, op=Op.CONV, attrs=attrs, params={**node.params, "weight": turned})

    return replace(graph, nodes=tuple(flipped(node) for node in graph.nodes))


def _worth_it(source: Shape, rows: Side, columns: Side) -> bool:
    """Say whether a plain convolution to so many rows and columns is not too much work."""
    _, height, width = source
    if None in (height, width, rows, columns):
        return False
    return int(rows or 0) * int(columns or 0) <= _MOST_WORK * int(height or 0) * int(width or 0)


@dataclass(frozen=True, slots=True)
class _Phase:
    """Every stride-th output along one axis, as a plain convolution.

    taps: the kernel's places it uses, in the order of the input.  pads: before and after.
    """

    taps: tuple[int, ...]
    pads: tuple[int, int]


def _phases(side: int, kernel: int, stride: int, before: int, wide: int) -> list[_Phase]:
    """Return the phases of one axis; each makes as many outputs as the first, which has most."""
    count = -(-wide // stride)
    found = []
    for phase in range(stride):
        first = (phase + before) % stride
        ahead = (phase + before - first) // stride
        taps = tuple(range(first, kernel, stride))[::-1]
        lead = len(taps) - 1 - ahead
        found.append(_Phase(taps, (lead, count + len(taps) - 1 - side - lead)))
    return found


def _split(node: Node, rows: list[_Phase], columns: list[_Phase]) -> Iterator[Node]:
    weight = node.params["weight"]
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            kernel = weight[:, :, row.taps][..., column.taps].transpose(1, 0, 2, 3)
            pads = (row.pads[0], column.pads[0], row.pads[1], column.pads[1])
            yield replace(
                node,
                op=Op.CONV,
                name=f"{node.name}.{y}.{x}",
                attrs={"strides": (1, 1), "pads": pads, "groups": 1},
                params={**node.params, "weight": np.ascontiguousarray(kernel)},
            )


def _works_by_pixel(node: Node) -> bool:
    if node.op is not Op.CONV:
        return node.op in _POINTWISE
    return (
        node.params["weight"].shape[2:] == (1, 1)
        and node.ints("strides") == (1, 1)
        and node.ints("pads") == (0, 0, 0, 0)
    )


def _plan(node: Node, source: Shape, shape: Shape) -> tuple[list[_Phase], list[_Phase]] | None:
    """Return the phases of rows and columns; None where splitting cannot or should not be done."""
    if node.op is not Op.CONV_TRANSPOSE or None in (*source, *shape):
        return None
    height, width = (int(side or 0) for side in source[1:])
    tall, wide = (int(side or 0) for side in shape[1:])
    weight, (down, across) = node.params["weight"], node.ints("strides")
    top, left, _, _ = node.ints("pads")
    rows = _phases(height, weight.shape[2], down, top, tall)
    columns = _phases(width, weight.shape[3], across, left, wide)
    possible = min(pad for phase in (*rows, *columns) for pad in phase.pads) >= 0
    overlap = weight.shape[2] > down and weight.shape[3] > across
    useful = weight.shape[1] >= _FEW and overlap
    if not possible or not useful or not _worth_it(source, -(-tall // down), -(-wide // across)):
        return None
    return rows, columns


def split_transposed(graph: Graph) -> Graph:
    """Turn each strided transposed convolution into one convolution per phase of its outputs.

    What works pixel by pixel on the result goes before the phases are put together: if it makes
    fewer channels of them, fewer have to be moved.
    """
    shapes = infer(graph)
    nodes: list[Node] = []
    done: set[str] = set()
    for node in graph.nodes:
        if node.name in done:
            continue
        plan = _plan(node, shapes[node.inputs[0]], shapes[node.name])
        if plan is None:
            nodes.append(node)
            continue
        parts = list(_split(node, *plan))
        nodes += parts
        last = node.name
        while last not in graph.outputs:
            readers = graph.readers(last)
            if len(readers) != 1 or not _works_by_pixel(readers[0]):
                break
            last = readers[0].name
            done.add(last)
            parts = [
                replace(readers[0], name=f"{last}.{part.name}", inputs=(part.name,))
                for part in parts
            ]
            nodes += parts
        _, tall, wide = shapes[node.name]
        attrs: dict[str, Attr] = {
            "strides": node.ints("strides"),
            "rows": int(tall or 0),
            "columns": int(wide or 0),
        }
        nodes.append(Node(Op.INTERLEAVE, last, tuple(part.name for part in parts), attrs))
    return replace(graph, nodes=tuple(nodes))
