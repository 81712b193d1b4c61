"""dlib's shape_predictor: a cascade of regression trees.

Source: dlib ``shape_predictor.h``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F32, F64, I64, U8
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_stream import read_count, read_dims, read_float, read_int, read_version
from phiz.kernels.stream import FLOAT, INT, SAME, NumberStream
from phiz.values import Forest

__all__ = ["read_shape_predictor"]

_MOST_POINTS = 4096
_BATCH = 16  # trees read in one go: their numbers stay in the processor's caches


def _read_run(
    cursor: Cursor, stream: NumberStream, layout: U8, wanted: I64, ints: I64, floats: F32
) -> None:
    """Fill ``ints`` and ``floats`` with the items of ``layout``; see NumberStream.read.

    What the fast loop does not take, this reads with care: it is an error, or a number written
    in an unusual way.
    """
    item = stored_ints = stored_floats = 0
    while True:
        cursor.at, item, more_ints, more_floats = stream.read(
            cursor.at, layout, wanted, ints[stored_ints:], floats[stored_floats:], skip=item
        )
        stored_ints += more_ints
        stored_floats += more_floats
        if item == len(layout):
            return
        start = cursor.at
        if layout[item] == FLOAT:
            with np.errstate(over="ignore"):
                value = np.float32(read_float(cursor, "a number of a tree"))
            if not np.isfinite(value):
                cursor.fail("a number that float32 can hold", str(value), at=start)
            floats[stored_floats] = value
            stored_floats += 1
        else:
            whole = read_int(cursor, "an index or size of a tree")
            if layout[item] == SAME and whole != wanted[item]:
                cursor.fail(f"{wanted[item]}, as in the first tree", str(whole), at=start)
            if layout[item] == INT:
                if not -(2**63) <= whole < 2**63:
                    cursor.fail("an index", str(whole), at=start)
                ints[stored_ints] = whole
                stored_ints += 1
        item += 1


def _tree_layout(splits: int, sides: tuple[int, int]) -> tuple[U8, I64]:
    """Return the kinds of a tree's numbers and the values they must have."""
    split = [(INT, 0), (INT, 0), (FLOAT, 0)]
    # Rows and columns are written negated.
    leaf = [(SAME, -sides[0]), (SAME, -sides[1])] + [(FLOAT, 0)] * (sides[0] * sides[1])
    items = [(SAME, splits), *split * splits, (SAME, splits + 1), *leaf * (splits + 1)]
    kinds, wanted = zip(*items, strict=True)
    return np.array(kinds, np.uint8), np.array(wanted, np.int64)


def _peek_splits(cursor: Cursor) -> int:
    """Return the number of splits of the tree that begins here, without stepping over it."""
    start = cursor.at
    splits = read_count(cursor, "splits of a tree", each=8)
    if splits < 1 or (splits + 1) & splits:
        cursor.fail("a complete tree's number of splits (1, 3, 7, 15, ...)", str(splits), at=start)
    cursor.at = start
    return splits


def _check_range(
    cursor: Cursor, values: NDArray[np.int64] | NDArray[np.int32], end: int, what: str, at: int
) -> None:
    if values.size and not (values.min() >= 0 and values.max() < end):
        wrong = values.min() if values.min() < 0 else values.max()
        cursor.fail(f"{what} in 0 to {end - 1}", str(wrong), at=at)


def _read_table(cursor: Cursor, cascades: int, kind: int, stream: NumberStream) -> list[F64]:
    """Read a vector of vectors, one per cascade, all of the first one's length.

    kind: INT for indices, FLOAT for pairs of numbers.  Every value fits in a float64.
    """
    start = cursor.at
    count = read_count(cursor, "cascades", each=1)
    if count != cascades:
        cursor.fail(f"{cascades} cascades, as there are forests", str(count), at=start)
    each = 1 if kind == INT else 2
    rows: list[F64] = []
    for _ in range(cascades):
        start = cursor.at
        total = each * read_count(cursor, "pixels", each=2 * each)
        if rows and total != len(rows[0]):
            want = f"{len(rows[0]) // each} pixels, as in the first cascade"
            cursor.fail(want, str(total // each), at=start)
        ints, floats = np.zeros(total, np.int64), np.zeros(total, np.float32)
        layout = np.full(total, kind, np.uint8)
        _read_run(cursor, stream, layout, np.zeros(0, np.int64), ints, floats)
        rows.append((ints if kind == INT else floats).astype(np.float64))
    return rows


def read_shape_predictor(cursor: Cursor) -> Forest:
    """Read a shape predictor and leave the cursor behind it.

    All trees must be complete and of one size, as dlib's trainer makes them.
    """
    stream = NumberStream(cursor.data)
    read_version(cursor, (1,), "a shape predictor")
    start = cursor.at
    sides = read_dims(cursor, "the mean shape")
    if sides[1] != 1 or sides[0] % 2 or not 2 <= sides[0] <= 2 * _MOST_POINTS:
        cursor.fail(
            "a mean shape of 2 x points rows, 1 column", f"{sides[0]} x {sides[1]}", at=start
        )
    initial = np.zeros(sides[0], np.float32)
    layout = np.full(sides[0], FLOAT, np.uint8)
    nothing = np.zeros(0, np.int64)
    _read_run(cursor, stream, layout, nothing, nothing, initial)

    start = cursor.at
    cascades = read_count(cursor, "cascades", each=2)
    if cascades < 1:
        cursor.fail("at least one cascade", str(cascades), at=start)
    splits, thresholds, leaves = _read_forests(cursor, stream, cascades, sides)

    start = cursor.at
    anchors = np.stack(_read_table(cursor, cascades, INT, stream)).astype(np.int64)
    pixels = anchors.shape[1]
    _check_range(cursor, anchors, sides[0] // 2, "anchor points", start)
    _check_range(cursor, splits, pixels, "pixels that splits compare", start)
    start = cursor.at
    deltas = np.stack(_read_table(cursor, cascades, FLOAT, stream)).astype(np.float32)
    if deltas.shape[1] != 2 * pixels:
        want = f"{pixels} pixel places, as there are anchors"
        cursor.fail(want, str(deltas.shape[1] // 2), at=start)
    return Forest(
        initial=initial.reshape(-1, 2),
        anchors=anchors.astype(np.int32),
        deltas=deltas.reshape(cascades, pixels, 2),
        splits=splits,
        thresholds=thresholds,
        leaves=leaves.reshape(*leaves.shape[:3], -1, 2),
    )


def _read_size(cursor: Cursor) -> tuple[int, int]:
    """Read how many trees a cascade has, and look at how many splits its first one has."""
    start = cursor.at
    trees = read_count(cursor, "trees", each=16)
    if trees < 1:
        cursor.fail("at least one tree", str(trees), at=start)
    return trees, _peek_splits(cursor)


def _read_forests(
    cursor: Cursor, stream: NumberStream, cascades: int, sides: tuple[int, int]
) -> tuple[NDArray[np.int32], F32, F32]:
    """Return splits (c, t, s, 2), thresholds (c, t, s) and leaves (c, t, s + 1, 2 * points)."""
    trees, count = _read_size(cursor)
    size = sides[0] * sides[1]
    # Nothing is allocated for numbers that the rest of the file is too short to hold.
    cursor.room(cascades * trees, (count + 1) * (4 + 4 * size) + 8 * count + 4, "trees")
    splits = np.empty((cascades, trees, count, 2), np.int32)
    thresholds = np.empty((cascades, trees, count), np.float32)
    leaves = np.empty((cascades, trees, count + 1, size), np.float32)

    kinds, values = _tree_layout(count, sides)
    items, tiles = len(kinds), min(_BATCH, trees)
    layout, wanted = np.tile(kinds, tiles), np.tile(values, tiles)
    for cascade in range(cascades):
        start = cursor.at
        found = (trees, count) if cascade == 0 else _read_size(cursor)
        if found != (trees, count):
            want = f"{trees} trees of {count} splits, as in the first cascade"
            cursor.fail(want, f"{found[0]} of {found[1]}", at=start)
        for first in range(0, trees, _BATCH):
            some = min(_BATCH, trees - first)
            ints = np.empty((some, count, 2), np.int64)
            floats = np.empty((some, count + (count + 1) * size), np.float32)
            start, part = cursor.at, slice(0, some * items)
            flat = ints.reshape(-1), floats.reshape(-1)
            _read_run(cursor, stream, layout[part], wanted[part], *flat)
            _check_range(cursor, ints, 2**31, "pixels that splits compare", start)
            here = slice(first, first + some)
            splits[cascade, here] = ints
            thresholds[cascade, here] = floats[:, :count]
            leaves[cascade, here] = floats[:, count:].reshape(some, count + 1, size)
    return splits, thresholds, leaves
