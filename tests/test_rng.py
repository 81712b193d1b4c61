"""dlib's random numbers.

The numbers are those of dlib 19.24's ``dlib::rand`` (reference data: train/graphs/dlib_rand.json).
"""

from __future__ import annotations

import numpy as np

from phiz.rng import DlibRandom


def test_a_fresh_generator_draws_what_dlib_draws() -> None:
    assert DlibRandom().words(4).tolist() == [725333953, 251387296, 3200466189, 2466988778]
    assert DlibRandom().wide(2).tolist() == [3115285607064788384, 13745897616175743722]
    random = DlibRandom()
    assert [random.double() for _ in range(3)] == [
        0.23327267073693825, 0.7626503136151922, 0.14639301241805264,
    ]  # fmt: skip


def test_a_seed_string_gives_dlibs_numbers() -> None:
    assert DlibRandom("golden").words(3).tolist() == [492706764, 2001112764, 3498016406]


def test_an_integer_seed_is_its_decimal_string() -> None:
    assert DlibRandom(17).words(3).tolist() == DlibRandom("17").words(3).tolist()
    assert DlibRandom(17).words(3).tolist() != DlibRandom(18).words(3).tolist()


def test_drawing_in_parts_gives_the_same_numbers() -> None:
    whole, parts = DlibRandom(), DlibRandom()
    np.testing.assert_array_equal(whole.wide(10), np.concatenate([parts.wide(3), parts.wide(7)]))


def test_uniform_numbers_stay_in_their_range() -> None:
    random = DlibRandom(3)
    values = [random.uniform(-0.02, 0.02) for _ in range(500)]
    assert -0.02 <= min(values) < -0.019
    assert 0.019 < max(values) < 0.02
