"""Where things are on the canvas that a max-margin detector looks at.

The canvas holds a picture and its smaller copies ("levels"); a network turns it into a map of
scores.  This module places the levels, and takes points of the map back to the canvas and boxes
on the canvas back to the picture.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from phiz.checks import F64, I64
from phiz.errors import ShapeError
from phiz.graph.graph import Graph, Node
from phiz.graph.ops import Op

__all__ = ["CanvasLayout", "Step", "Tile", "map_size", "output_to_input", "place_levels", "tiles"]

_MASK = (1 << 64) - 1
_LOWEST = 5  # rows of the smallest level

_SLIDING = (Op.CONV, Op.MAX_POOL, Op.AVG_POOL)
_POINTWISE = (Op.BATCH_NORM, Op.AFFINE, Op.RELU, Op.LEAKY_RELU, Op.SIGMOID, Op.SCALE)


@dataclass(frozen=True, slots=True, eq=False)
class CanvasLayout:
    """Levels on a canvas.

    rows, columns: of the canvas.
    levels: (n, 4) int64 ``left top right bottom``, inclusive, largest first; n = 0 where a
        picture is too small to be placed.
    """

    rows: int
    columns: int
    levels: I64

    def to_picture(self, centres: F64, boxes: F64) -> F64:
        """Map boxes on the canvas to the picture.

        centres: (n, 2) float64 x y, which decide the level that a box belongs to.
        boxes: (n, 4) float64 left, top, right, bottom.  Returns the same in the picture.
        Source: dlib ``image_pyramid.h``, tiled_pyramid_to_image; ``rectangle.h``, nearest_rect.
        """
        level = _nearest(self.levels, np.floor(centres + 0.5))
        corners = boxes - np.tile(self.levels[level, :2], 2)
        for depth in range(1, int(level.max(initial=0)) + 1):  # pyramid_down<6>::point_up
            deeper = level >= depth
            corners[deeper] = corners[deeper] * (6 / 5.0) + 0.3
        return corners


def _nearest(levels: I64, points: F64) -> I64:
    """Return the first of the levels nearest to each point; one that contains it is at 0."""
    clipped = np.clip(points[:, None], levels[None, :, :2], levels[None, :, 2:])
    away = clipped - points[:, None]
    return np.asarray(np.sqrt((away * away).sum(axis=2)).argmin(axis=1), np.int64)


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return (rows, columns) of every level that a picture could have."""
    sizes = [(height, width)]
    while True:
        rows, columns = (int(np.floor(5.0 / 6 * side)) for side in sizes[-1])
        if columns == 0 or rows < _LOWEST:
            return sizes
        sizes.append((rows, columns))


def place_levels(height: int, width: int, *, padding: int, outer_padding: int) -> CanvasLayout:
    """Lay out the levels of a picture of (height, width) pixels.

    The first levels stand below each other; when the next one fits beside the last, the others
    are stacked upwards at the right.  dlib compares unsigned numbers there, so that what should
    be negative is huge; the same happens here.
    padding: pixels between levels.  outer_padding: pixels around all of them.
    Source: dlib ``image_pyramid.h``, compute_tiled_image_pyramid_details.
    """
    sizes = _sizes(height, width)
    total = sum(rows + padding for rows, _ in sizes) - 2 * padding
    tall, before = 0, 0
    for rows, columns in sizes:
        beside = columns <= (width - before - padding) & _MASK
        if beside and (2 * (tall - height)) & _MASK >= (total - height) & _MASK:
            break
        tall += rows + padding
        before = columns
    tall -= padding

    placed: list[tuple[int, int, int, int]] = []
    y = outer_padding
    for rows, columns in sizes:
        if y >= tall + outer_padding:
            break
        placed.append((outer_padding, y, outer_padding + columns - 1, y + rows - 1))
        y += rows + padding
    right = outer_padding + width - 1
    y -= padding
    for rows, columns in sizes[len(placed) :]:
        # All of them are as far right as the picture is wide: only the height says if they meet.
        if not placed or y - rows < outer_padding + height:
            break
        placed.append((right - columns + 1, y - rows, right, y - 1))
        y -= rows + padding
    levels = np.array(placed, np.int64).reshape(-1, 4)
    return CanvasLayout(tall + 2 * outer_padding, width + 2 * outer_padding, levels)


@dataclass(frozen=True, slots=True)
class Step:
    """A layer that slides a window; pairs are (rows, columns)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


def _step(node: Node) -> Step:
    kernel = node.params["weight"].shape[2:] if node.op is Op.CONV else node.ints("kernel")
    top, left, bottom, right = node.ints("pads")
    if (top, left) != (bottom, right):
        raise ShapeError(f"{node.name}: wanted equal padding on opposite sides")
    strides = node.ints("strides")
    return Step((kernel[0], kernel[1]), (strides[0], strides[1]), (top, left))


def output_to_input(graph: Graph) -> tuple[Step, ...]:
    """Return the sliding layers of a network that is one chain, first layer first.

    Raises ShapeError for any other network: its output cannot be mapped to its input.
    """
    steps = []
    value = graph.inputs[0].name
    for node in graph.nodes:
        if node.inputs != (value,) or node.op not in (*_SLIDING, *_POINTWISE):
            raise ShapeError(f"{node.name}: wanted a chain of convolutions and pointwise layers")
        if node.op in _SLIDING:
            steps.append(_step(node))
        value = node.name
    return tuple(steps)


def map_size(steps: tuple[Step, ...], rows: int, columns: int) -> tuple[int, int]:
    """Return (rows, columns) of the network's output; 0 where the input is too small."""
    sides = [rows, columns]
    for step in steps:
        for axis in (0, 1):
            room = sides[axis] + 2 * step.padding[axis] - step.kernel[axis]
            sides[axis] = 0 if room < 0 or sides[axis] == 0 else 1 + room // step.stride[axis]
    return sides[0], sides[1]


def map_to_canvas(steps: tuple[Step, ...], rows: I64, columns: I64) -> F64:
    """Return (n, 2) float64 x y on the canvas of points of the output.

    Source: dlib ``visitors.h``, output_tensor_to_input_tensor.
    """
    places = []
    for axis, at in ((1, columns), (0, rows)):
        for step in reversed(steps):
            at = at * step.stride[axis] - step.padding[axis] + step.kernel[axis] // 2
        places.append(at)
    return np.stack(places, axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the canvas, and the part of the output map that it decides.

    canvas: rows and columns to run the network on.  whole: where the result goes in the full
    map.  part: which of the result's rows and columns are right; the others miss neighbours.
    """

    canvas: tuple[slice, slice]
    whole: tuple[slice, slice]
    part: tuple[slice, slice]


def _reach(steps: tuple[Step, ...], axis: int, first: int, last: int) -> tuple[int, int]:
    """Return the canvas rows, from and up to, that outputs first..last depend on."""
    for step in reversed(steps):
        first = first * step.stride[axis] - step.padding[axis]
        last = last * step.stride[axis] - step.padding[axis] + step.kernel[axis] - 1
    return first, last + 1


def _cuts(
    steps: tuple[Step, ...], axis: int, side: int, outputs: int, each: int
) -> list[tuple[slice, slice, slice]]:
    """Cut one axis: (canvas, whole, part) per piece of at most ``each`` outputs."""
    stride = list(accumulate((step.stride[axis] for step in steps), operator.mul))[-1]
    pieces = -(-outputs // each)
    edges = [outputs * n // pieces for n in range(pieces + 1)]
    cuts = []
    for first, after in pairwise(edges):
        low, high = _reach(steps, axis, first, after - 1)
        # A start that every layer's stride divides keeps all windows where they were.
        start = max(low // stride * stride, 0)
        part = slice(first - start // stride, after - start // stride)
        cuts.append((slice(start, min(high, side)), slice(first, after), part))
    return cuts


def tiles(steps: tuple[Step, ...], rows: int, columns: int, side: int) -> Iterator[Tile]:
    """Cut a canvas into overlapping tiles whose results, put together, are the untiled result.

    side: tiles decide about this many canvas rows and columns; what they overlap comes on top.
    """
    tall, wide = map_size(steps, rows, columns)
    stride_y = int(np.prod([step.stride[0] for step in steps]))
    stride_x = int(np.prod([step.stride[1] for step in steps]))
    across = _cuts(steps, 1, columns, wide, max(side // stride_x, 1))
    for down in _cuts(steps, 0, rows, tall, max(side // stride_y, 1)):
        for over in across:
            yield Tile((down[0], over[0]), (down[1], over[1]), (down[2], over[2]))
