"""Rewrites of networks that want their pixels in another order than pictures have them.

Turning a network's parameters once spares turning every picture.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phiz.errors import ShapeError
from phiz.graph.graph import Attr, Graph, Node
from phiz.graph.ops import Op
from phiz.graph.shapes import Shape, infer

__all__ = ["exchange_axes", "reverse_channels"]

_BY_PIXEL = (
    Op.BATCH_NORM, Op.AFFINE, Op.RELU, Op.LEAKY_RELU, Op.CLIP, Op.PRELU, Op.SIGMOID, Op.SCALE,
    Op.ADD, Op.CONCAT, Op.GLOBAL_AVG_POOL, Op.TO_PLANES,
)  # fmt: skip


def _turned(node: Node, shape: Shape) -> Node:
    """Return a node that works along columns where this one works along rows.

    shape: what it takes.
    """
    if node.op in _BY_PIXEL:
        return node
    attrs: dict[str, Attr] = dict(node.attrs)
    params = dict(node.params)
    if node.op in (Op.CONV, Op.MAX_POOL, Op.AVG_POOL):
        top, left, bottom, right = node.ints("pads")
        attrs |= {"strides": node.ints("strides")[::-1], "pads": (left, top, right, bottom)}
        if node.op is Op.CONV:
            params["weight"] = np.ascontiguousarray(params["weight"].swapaxes(2, 3))
        else:
            attrs["kernel"] = node.ints("kernel")[::-1]
    elif node.op is Op.FC:
        weight = params["weight"]
        planes = weight.reshape(*(int(side or 1) for side in shape), -1).swapaxes(1, 2)
        params["weight"] = np.ascontiguousarray(planes.reshape(weight.shape))
    else:
        raise ShapeError(f"{node.name}: {node.op} cannot have its rows and columns exchanged")
    return replace(node, attrs=attrs, params=params)


def exchange_axes(graph: Graph) -> Graph:
    """Return a network that takes and gives columns first where this one has rows first.

    Raises ShapeError for operations to which the order of cells matters.
    """
    shapes = infer(graph)
    inputs = tuple(
        replace(source, shape=(source.shape[1], source.shape[0], source.shape[2]))
        for source in graph.inputs
    )
    nodes = tuple(_turned(node, shapes[node.inputs[0]]) for node in graph.nodes)
    return replace(graph, inputs=inputs, nodes=nodes)


def reverse_channels(graph: Graph) -> Graph:
    """Return a network that takes its pixels' channels in the opposite order.

    Raises ShapeError where anything but convolutions of all channels takes them.
    """
    planes = {node.name for node in graph.nodes if node.op is Op.TO_PLANES}

    def reversed_in(node: Node) -> Node:
        if not planes & set(node.inputs):
            return node
        if node.op is not Op.CONV or node.number("groups") != 1:
            raise ShapeError(f"{node.name}: {node.op} cannot take its channels in another order")
        weight = np.ascontiguousarray(node.params["weight"][:, ::-1])
        return replace(node, params={**node.params, "weight": weight})

    return replace(graph, nodes=tuple(reversed_in(node) for node in graph.nodes))
