"""Builds a graph node by node, knowing the shape of every value on the way."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from phiz.checks import F32
from phiz.errors import ShapeError
from phiz.graph.graph import Attr, Graph, Input, Node, Side, validate
from phiz.graph.ops import Op
from phiz.graph.shapes import Shape, node_shape

__all__ = ["GraphBuilder"]


class GraphBuilder:
    """Collects nodes; :meth:`finish` returns the graph.

    >>> builder = GraphBuilder("thumbnail")
    >>> picture = builder.image("picture", 150, 150)
    >>> tensor = builder.add(Op.TO_TENSOR, [picture], attrs={"mean": (0.0,) * 3, "scale": 1 / 256})
    >>> half = builder.add(
    ...     Op.AVG_POOL, [tensor], attrs={"kernel": (2, 2), "strides": (2, 2), "pads": (0,) * 4}
    ... )
    >>> builder.shape(half)
    (3, 75, 75)
    >>> [str(node.op) for node in builder.finish([half]).nodes]
    ['to_tensor', 'avg_pool']
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._inputs: list[Input] = []
        self._nodes: list[Node] = []
        self._shapes: dict[str, Shape] = {}

    def image(self, name: str, rows: Side, columns: Side) -> str:
        """Declare an input of (n, rows, columns, 3) uint8 RGB; returns its name."""
        self._inputs.append(Input(name, (rows, columns, 3)))
        self._shapes[name] = (3, rows, columns)
        return name

    def gray(self, name: str, rows: Side, columns: Side) -> str:
        """Declare an input of (n, rows, columns) uint8; returns its name."""
        self._inputs.append(Input(name, (rows, columns, 1), "gray"))
        self._shapes[name] = (1, rows, columns)
        return name

    def planes(self, name: str, channels: int, rows: Side, columns: Side) -> str:
        """Declare an input of (n, channels, rows, columns) float32; returns its name."""
        self._inputs.append(Input(name, (rows, columns, channels), "planes"))
        self._shapes[name] = (channels, rows, columns)
        return name

    def pixels(self, name: str, channels: int, rows: Side, columns: Side) -> str:
        """Declare an input of (n, rows, columns, channels) float32; returns its name."""
        self._inputs.append(Input(name, (rows, columns, channels), "pixels"))
        self._shapes[name] = (channels, rows, columns)
        return name

    def shape(self, value: str) -> Shape:
        """Return (channels, rows, columns) of a value."""
        return self._shapes[value]

    def add(
        self,
        op: Op,
        inputs: list[str],
        *,
        attrs: Mapping[str, Attr] | None = None,
        params: Mapping[str, F32] | None = None,
        name: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> str:
        """Append a node and return its output's name.

        Raises ShapeError where the operation cannot take these inputs.
        """
        label = name or f"{op}{len(self._nodes)}"
        node = Node(
            op,
            label,
            tuple(inputs),
            MappingProxyType(dict(attrs or {})),
            MappingProxyType(dict(params or {})),
            MappingProxyType(dict(meta or {})),
        )
        self._shapes[label] = node_shape(node, [self._shapes[value] for value in inputs])
        self._nodes.append(node)
        return label

    def grow(self, value: str, shape: Shape, *, name: str) -> str:
        """Append zeros at the end of each axis until the value has this shape."""
        have = self._shapes[value]
        if have == shape:
            return value
        if None in have or None in shape:
            raise ShapeError(f"{name}: cannot bring {have} to {shape}: a size is unknown")
        extra = [int(want or 0) - int(side or 0) for want, side in zip(shape, have, strict=True)]
        attrs = dict(zip(("channels", "rows", "columns"), extra, strict=True))
        return self.add(Op.PAD, [value], attrs=attrs, name=name)

    def add_padded(self, one: str, other: str, *, name: str) -> str:
        """Add two values of different sizes as dlib's add_prev does.

        The result has the larger of each side; what is missing counts as zeros at the end of the
        axis.
        """
        a, b = self._shapes[one], self._shapes[other]
        if a != b:
            channels, rows, columns = (max(x or 0, y or 0) for x, y in zip(a, b, strict=True))
            one = self.grow(one, (channels, rows, columns), name=f"{name}.left")
            other = self.grow(other, (channels, rows, columns), name=f"{name}.right")
        return self.add(Op.ADD, [one, other], name=name)

    def finish(self, outputs: list[str]) -> Graph:
        """Return the graph with these outputs."""
        return validate(Graph(self._name, tuple(self._inputs), tuple(self._nodes), tuple(outputs)))
