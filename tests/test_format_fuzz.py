"""Damaged and hostile weight files: a FormatError or a finite value, never anything else.

``tools/fuzz_readers.py`` does the same ten thousand times on the real files, with limits on time
and memory.
"""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import FormatError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_fhog import read_fhog_detector
from phiz.formats.dlib_net import search_architectures
from phiz.formats.dlib_shape import read_shape_predictor
from phiz.graph.arch import Arch
from phiz.graph.layers import (
    AddPrev,
    Affine,
    AvgPool,
    Con,
    Fc,
    InputRgb,
    LossMetric,
    Relu,
    Skip,
    Tag,
    chain,
)
from tests import dlib_writer as write
from tests.mutations import mutate

TINY = Arch(
    "tiny",
    InputRgb(12, sized=True),
    chain(
        Con(4, 3, stride=2), Affine(), Relu(),
        Tag(1), Con(6, 3), Affine(), Tag(2), Skip(1), AvgPool(1), AddPrev(2),
        AvgPool(), Fc(3, bias=False),
    ),
    LossMetric(),
)  # fmt: skip

FILES = {
    "network": write.network(TINY),
    "network with batch normalisation": write.network(TINY, norm="bn_con2"),
    "shape predictor": write.shape_predictor(),
    "hog detector": write.fhog_detector(),
}


def numbers_of(kind: str, data: bytes) -> list[np.ndarray]:
    """Read a file; return every array in it."""
    if kind.startswith("network"):
        params = search_architectures(data, "f", [lambda: TINY]).params
        return [array for layer in params.layers for array in layer.arrays.values()]
    if kind == "shape predictor":
        forest = read_shape_predictor(Cursor(data, "f"))
        return [forest.initial, forest.deltas, forest.thresholds, forest.leaves]
    detector = read_fhog_detector(Cursor(data, "f"))
    return [detector.filters, detector.thresholds]


@pytest.mark.parametrize("kind", FILES)
def test_the_file_itself_is_read_to_its_end(kind: str) -> None:
    assert all(array.size for array in numbers_of(kind, FILES[kind]))


@pytest.mark.parametrize("kind", FILES)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_gives_a_format_error_or_finite_numbers(kind: str, seed: int) -> None:
    data = mutate(FILES[kind], seed)
    try:
        arrays = numbers_of(kind, data)
    except FormatError as error:
        assert error.path == "f"
        assert 0 <= error.at <= len(data)
        assert error.want
        assert error.found
    else:
        assert all(np.isfinite(array).all() for array in arrays)


@pytest.mark.parametrize("kind", FILES)
def test_every_truncation_is_an_error(kind: str) -> None:
    data = FILES[kind]
    for length in [*range(200), *range(200, len(data), max(1, len(data) // 200))]:
        with pytest.raises(FormatError):
            numbers_of(kind, data[:length])


@pytest.mark.parametrize("kind", FILES)
@given(data=st.binary(max_size=300))
def test_random_bytes_are_an_error(kind: str, data: bytes) -> None:
    with pytest.raises(FormatError):
        numbers_of(kind, data)


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", FILES)
def test_a_file_cannot_make_the_reader_allocate_more_than_it_holds(kind: str) -> None:
    data = FILES[kind]

    def attempt(damaged: bytes) -> None:
        with contextlib.suppress(FormatError):
            numbers_of(kind, damaged)

    attempt(data)
    for seed in range(300):
        damaged = mutate(data, seed)
        assert peak_of(lambda damaged=damaged: attempt(damaged)) < 40 * len(damaged) + 2**20


def test_the_error_of_the_architecture_that_matched_furthest_is_told() -> None:
    other = Arch("other", InputRgb(12, sized=True), (Con(9, 3), Relu()), LossMetric())
    data = FILES["network"][:600]
    with pytest.raises(FormatError, match="reading it as tiny, which matches furthest"):
        search_architectures(data, "f", [lambda: other, lambda: TINY])


def test_a_network_with_bytes_behind_it_is_not_taken_for_that_network() -> None:
    with pytest.raises(FormatError, match="the end of a tiny network"):
        search_architectures(FILES["network"] + b"\x01\x00", "f", [lambda: TINY])


def test_old_text_numbers_are_read_like_binary_ones() -> None:
    binary = write.shape_predictor(depth=1, trees=2)
    forest = read_shape_predictor(Cursor(binary, "f"))
    first = forest.initial.reshape(-1)[0]
    text = binary.replace(write.number(float(first)), f"{first!s} ".encode(), 1)
    again = read_shape_predictor(Cursor(text, "f"))
    np.testing.assert_array_equal(again.initial, forest.initial)
    np.testing.assert_array_equal(again.leaves, forest.leaves)
