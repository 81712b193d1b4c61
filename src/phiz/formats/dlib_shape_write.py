"""dlib's shape_predictor, written: the counterpart of ``dlib_shape``.

Source: dlib ``shape_predictor.h``.
"""

from __future__ import annotations

import numpy as np

from phiz.formats.dlib_write_stream import (
    SLOT,
    Slots,
    float_slots,
    int_slots,
    join_slots,
    write_column,
    write_int,
)
from phiz.values import Forest

__all__ = ["write_shape_predictor"]


def _write_trees(forest: Forest, cascade: int) -> bytes:
    """Write one cascade's trees, all at once: a large model has millions of numbers."""
    thresholds = forest.thresholds[cascade]
    trees, splits = thresholds.shape
    leaves = forest.leaves[cascade].reshape(trees, splits + 1, -1)
    sides = leaves.shape[2]
    first_leaf = 1 + 3 * splits + 1  # both counts, and the splits between them
    items = first_leaf + (splits + 1) * (2 + sides)
    raw = np.zeros((trees, items, SLOT), np.uint8)
    used = np.zeros((trees, items, SLOT), np.bool_)

    def put(where: slice, step: int, offset: int, slots: Slots) -> None:
        """Fill columns ``offset`` on of every group of ``step`` items."""
        for whole, part in ((raw, slots.raw), (used, slots.used)):
            groups = whole[:, where].reshape(trees, -1, step, SLOT)
            groups[:, :, offset : offset + part.shape[2]] = part
            whole[:, where] = groups.reshape(trees, -1, SLOT)

    counts = int_slots(np.array([splits, splits + 1]))
    for item, count in ((0, 0), (first_leaf - 1, 1)):
        raw[:, item], used[:, item] = counts.raw[count], counts.used[count]
    inner, outer = slice(1, first_leaf - 1), slice(first_leaf, items)
    put(inner, 3, 0, int_slots(forest.splits[cascade]))
    put(inner, 3, 2, float_slots(thresholds[..., None]))
    shape = np.broadcast_to(np.array([-sides, -1]), (trees, splits + 1, 2))
    put(outer, 2 + sides, 0, int_slots(shape))
    put(outer, 2 + sides, 2, float_slots(leaves))
    return write_int(trees) + join_slots(Slots(raw, used))


def write_shape_predictor(forest: Forest) -> bytes:
    """Write a shape predictor as dlib does, byte for byte.

    ShapeError if a number is not finite.
    """
    count = write_int(len(forest.anchors))
    out = [write_int(1), write_column(forest.initial), count]
    out += [_write_trees(forest, cascade) for cascade in range(len(forest.anchors))]
    pixels = write_int(forest.anchors.shape[1])
    out.append(count)
    out += [pixels + join_slots(int_slots(anchors)) for anchors in forest.anchors]
    out.append(count)
    out += [pixels + join_slots(float_slots(deltas)) for deltas in forest.deltas]
    return b"".join(out)
