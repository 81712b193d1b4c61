"""Is this the same person?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import phiz
from phiz.errors import ImageError


def test_a_person_is_the_same_as_themselves(pictures: dict[str, np.ndarray]) -> None:
    picture = pictures["astronaut.png"]
    answer = phiz.verify(picture, picture)
    assert answer.same is True
    assert answer.distance == 0.0
    assert answer.threshold == 0.6
    assert "the same person" in answer.reason
    mirrored = phiz.verify(picture, picture[:, ::-1])
    assert mirrored.same is True
    assert 0 < mirrored.distance < 0.45


def test_two_people_are_different(pictures: dict[str, np.ndarray]) -> None:
    answer = phiz.verify(pictures["astronaut.png"], pictures["grace_hopper.jpg"])
    assert answer.same is False
    assert answer.distance > 0.6
    assert "different people" in answer.reason


def test_the_threshold_decides(pictures: dict[str, np.ndarray]) -> None:
    picture = pictures["astronaut.png"]
    assert phiz.verify(picture, picture[:, ::-1], threshold=0.01).same is False
    assert phiz.verify(picture, pictures["grace_hopper.jpg"], threshold=2.0).same is True


def test_no_face_is_an_answer_not_an_error(pictures: dict[str, np.ndarray]) -> None:
    blank = np.zeros((90, 90, 3), np.uint8)
    answer = phiz.verify(blank, pictures["astronaut.png"])
    assert answer.same is None
    assert answer.distance is None
    assert answer.reason == "no face was found in the first picture"
    assert phiz.verify(blank, blank).reason == (
        "no face was found in the first and the second picture"
    )


def test_of_several_faces_the_largest_counts_with_a_warning(
    pictures: dict[str, np.ndarray], detector: Any
) -> None:
    picture = pictures["astronaut.png"]
    small = picture[::2, ::2]
    both = np.zeros((picture.shape[0], picture.shape[1] + small.shape[1], 3), np.uint8)
    both[:, : picture.shape[1]] = picture
    both[: small.shape[0], picture.shape[1] :] = small
    assert len(detector(both)) == 2
    answer = phiz.verify(both, picture)
    assert answer.same is True
    assert answer.distance < 0.1
    assert answer.warnings == ("the first picture has 2 faces; the largest one was taken",)


def test_pictures_that_cannot_be_read_are_named() -> None:
    blank = np.zeros((90, 90, 3), np.uint8)
    with pytest.raises(ImageError, match=r"the second picture: .*nowhere"):
        phiz.verify(blank, "nowhere.jpg")
    with pytest.raises(ImageError, match="the first picture"):
        phiz.verify(b"no picture", blank)
