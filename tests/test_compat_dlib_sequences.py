"""dlib's Python module and phiz's are asked the same random programs, and must answer the same.

Texts, types, whole numbers, pictures and pickles are equal; real numbers within 1e-4, since sums
are taken in another order.  Steps that the real module does not survive are left out: see
dlib_sequence_limits.py.  The long run is ``python tools/compare_dlib_sequences.py --count 2000``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from phiz.compat import dlib as ours
from tests.dlib_sequence_judge import Judge, differences
from tests.dlib_sequences import programs
from tests.sources import weight_file


@pytest.fixture(scope="module")
def judge(dlib: Any) -> Iterator[Judge]:
    with Judge() as made:
        yield made


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(10))
def test_random_programs(judge: Judge, seed: int) -> None:
    for program in programs(25, seed, judge.told):
        if judge.difference(program) is not None:
            smallest = judge.smallest(program)
            pytest.fail(f"{judge.difference(smallest)}\n{json.dumps(smallest)}", pytrace=False)


def test_programs_are_the_same_for_the_same_seed(judge: Judge) -> None:
    one, other = ([json.dumps(each) for each in programs(20, 5, judge.told)] for _ in range(2))
    assert one == other
    assert len(set(one)) == 20


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ({"float": "1.00001"}, {"float": "1.00002"}, True),
        ({"float": "1.001"}, {"float": "1.002"}, False),
        ({"float": "nan"}, {"float": "nan"}, True),
        ({"float": "1e9"}, {"float": "1000000001.0"}, False),
        ({"repr": "dlib.vector([0.12345, 2])"}, {"repr": "dlib.vector([0.12346, 2])"}, True),
        ({"repr": "rectangle(1,2,3,4)"}, {"repr": "rectangle(1,2,3,5)"}, False),
        ({"value": [1, 2]}, {"value": [1, 2, 3]}, False),
        ({"value": 1}, {"value": True}, False),
        ({"value": None}, {"error": ["TypeError", ""]}, False),
    ],
)
def test_what_counts_as_a_difference(wanted: Any, found: Any, same: bool) -> None:
    assert (next(differences(wanted, found), None) is None) == same


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mirrored": lambda image: image[:, ::-1],
    "halved": lambda image: image[::2, ::2],
    "columns first": np.asfortranarray,
    "colours first": lambda image: np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(
        1, 2, 0
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_models_take_pictures_however_they_lie_in_memory(
    layout: str, pictures: dict[str, np.ndarray]
) -> None:
    """dlib reads other pixels than these here: they are no part of the programs."""
    strided = LAYOUTS[layout](pictures["astronaut.png"][:260, 120:330])
    assert not strided.flags.c_contiguous
    plain = np.ascontiguousarray(strided)
    box = ours.rectangle(40, 40, 120, 120)
    predictor = ours.shape_predictor(str(weight_file("dlib-landmarks-5")))
    detector = ours.get_frontal_face_detector()
    assert predictor(strided, box).parts() == predictor(plain, box).parts()
    assert detector.run(strided, 0, -0.5) == detector.run(plain, 0, -0.5)
