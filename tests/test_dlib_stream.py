"""Numbers, strings and tensors as dlib writes them, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.errors import FormatError
from phiz.formats.cursor import Cursor
from phiz.formats.dlib_stream import (
    read_bool,
    read_count,
    read_dims,
    read_float,
    read_int,
    read_string,
    read_tensor,
)
from phiz.kernels.stream import FLOAT, INT, SAME, NumberStream
from tests import dlib_writer as write


def cursor(data: bytes) -> Cursor:
    return Cursor(data, "file.dat")


@given(st.integers(-(2**64) + 1, 2**64 - 1))
def test_integers_come_back(value: int) -> None:
    at = cursor(write.integer(value) + b"rest")
    assert read_int(at) == value
    assert at.left == 4


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"\x01\x00", 0), (b"\x81\x03", -3), (b"\x01\x96", 150), (b"\x02\x2c\x01", 300)],
)
def test_integers_of_dlibs_own_files(data: bytes, value: int) -> None:
    assert read_int(cursor(data)) == value
    assert write.integer(value) == data


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_come_back_bit_for_bit(value: float) -> None:
    # dlib's mantissa has 24 bits, so that a denormal keeps its value as well
    assert read_float(cursor(write.number(value))) == value


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_doubles_come_back_bit_for_bit(value: float) -> None:
    assert read_float(cursor(write.double(value))) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x01\x00\x01\x28", 0.0),
        (b"\x01\x80\x81\x07", 1.0),
        (b"\x01\x10\x81\x04", 1.0),
        (b"0.25 ", 0.25),
        (b"-3e2 ", -300.0),
    ],
)
def test_floats_of_dlibs_own_files(data: bytes, value: float) -> None:
    at = cursor(data)
    assert read_float(at) == value
    assert at.left == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x00" + write.integer(32000),  # infinity
        b"\x01\x00" + write.integer(32002),  # not a number
        b"\x01\x01" + write.integer(2000),  # too large for a double
        b"inf ",
        b"NaN ",
        b"1.5",  # text without its space
        b"what ",
    ],
)
def test_what_is_no_finite_number_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as raised:
        read_float(cursor(data))
    assert raised.value.at == 0


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x09123456789", b"\x13\x01", b"\x03\x01\x02"])
def test_what_is_no_integer_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"file\.dat @ byte 0: wanted .*, found"):
        read_int(cursor(data))


def test_flags_are_text() -> None:
    assert read_bool(cursor(b"1")) is True
    assert read_bool(cursor(b"0")) is False
    with pytest.raises(FormatError, match="30 or 31"):
        read_bool(cursor(b"\x01"))


def test_a_string_longer_than_the_file_is_refused() -> None:
    assert read_string(cursor(write.string("con_4"))) == "con_4"
    with pytest.raises(FormatError, match="fits in 2 bytes, found 1000"):
        read_string(cursor(write.integer(1000) + b"ab"))


def test_a_count_that_cannot_be_true_is_refused_before_anything_is_made() -> None:
    with pytest.raises(FormatError, match=str(2**60)):
        read_count(cursor(write.integer(2**60) + b"xx"), "trees")
    with pytest.raises(FormatError, match="-1"):
        read_count(cursor(write.integer(-1)), "trees")


def test_matrix_sides_are_negated_or_old() -> None:
    assert read_dims(cursor(write.integer(-2) + write.integer(-1) + bytes(8)), "m") == (2, 1)
    assert read_dims(cursor(write.integer(2) + write.integer(1) + bytes(8)), "m") == (2, 1)
    with pytest.raises(FormatError):
        read_dims(cursor(write.integer(-(2**40)) + write.integer(-(2**40))), "m")


def test_tensors_come_back() -> None:
    array = np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)
    np.testing.assert_array_equal(read_tensor(cursor(write.tensor(array)), "t"), array)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_tensors_with_a_value_that_is_not_finite_say_where(bad: float) -> None:
    array = np.zeros((1, 1, 1, 5), np.float32)
    array[..., 3] = bad
    data = write.tensor(array)
    with pytest.raises(FormatError) as raised:
        read_tensor(cursor(data), "t")
    assert raised.value.at == len(data) - 2 * 4


@pytest.mark.parametrize("sides", [(2**62, 1, 1, 1), (2**20, 2**20, 1, 1), (-1, -1, 1, 1)])
def test_tensors_larger_than_the_file_are_refused(sides: tuple[int, ...]) -> None:
    data = write.integer(2) + b"".join(map(write.integer, sides)) + bytes(64)
    with pytest.raises(FormatError):
        read_tensor(cursor(data), "t")


@st.composite
def number_runs(draw: st.DrawFn) -> tuple[bytes, list[int], list[int | float]]:
    kinds = draw(st.lists(st.sampled_from([INT, FLOAT, SAME]), max_size=40))
    data, values = b"", []
    for kind in kinds:
        if kind == FLOAT:
            value = draw(st.floats(width=32, allow_nan=False, allow_infinity=False))
            data += write.number(value)
        else:
            value = draw(st.integers(-(2**62), 2**62))
            data += write.integer(value)
        values.append(value)
    return data, kinds, values


@given(number_runs(), st.integers(0, 20))
def test_the_fast_reader_reads_what_the_careful_one_does(
    run: tuple[bytes, list[int], list[int | float]], padding: int
) -> None:
    data, kinds, values = run
    layout = np.array(kinds, np.uint8)
    wanted = np.array([v if k == SAME else 0 for k, v in zip(kinds, values, strict=True)], np.int64)
    ints, floats = np.zeros(len(kinds), np.int64), np.zeros(len(kinds), np.float32)
    stream = NumberStream(data + b"\x01" * padding)
    at, item, int_count, float_count = stream.read(0, layout, wanted, ints, floats)
    assert (at, item) == (len(data), len(kinds))
    assert ints[:int_count].tolist() == [v for k, v in zip(kinds, values, strict=True) if k == INT]
    expected = [v for k, v in zip(kinds, values, strict=True) if k == FLOAT]
    assert floats[:float_count].tolist() == expected


@given(st.binary(max_size=64))
def test_the_fast_reader_stops_where_the_careful_one_fails(data: bytes) -> None:
    layout = np.full(32, FLOAT, np.uint8)
    floats = np.zeros(32, np.float32)
    nothing = np.zeros(32, np.int64)
    at, item, _, stored = NumberStream(data).read(0, layout, nothing, nothing, floats)
    careful = cursor(data)
    for index in range(item):
        value = read_float(careful)
        assert math.isclose(floats[index], value, rel_tol=1e-7, abs_tol=1e-45)
    assert careful.at == at
    assert stored == item


def test_the_fast_reader_stops_at_a_value_it_was_not_told_to_expect() -> None:
    layout, wanted = np.array([SAME, SAME], np.uint8), np.array([5, 6], np.int64)
    data = write.integer(5) + write.integer(7)
    ints, floats = np.zeros(2, np.int64), np.zeros(2, np.float32)
    assert NumberStream(data).read(0, layout, wanted, ints, floats)[:2] == (2, 1)
