"""What programs do not ask dlib, because it does not check: it reads or writes memory that is not
its own, takes all there is, or never ends.

Each was seen to kill the real module, or to answer with what lay there.  A few steps are left out
because phiz refuses on purpose what dlib answers with nonsense; they say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


class Indexed:
    """Something that is a whole number only by its ``__index__``."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number

    def __repr__(self) -> str:
        return f"Indexed({self.number})"


class Floated:
    """Something that is a real number only by its ``__float__``."""

    def __init__(self, number: float) -> None:
        self.number = number

    def __float__(self) -> float:
        return self.number

    def __repr__(self) -> str:
        return f"Floated({self.number})"


_MOST = {
    "dlib.get_face_chip": 2000,
    "dlib.get_face_chips": 2000,
    "dlib.get_face_chip_details": 2000,
    "dlib.save_face_chip": 2000,
    "dlib.extract_image_chip": 2000,
    "dlib.extract_image_chips": 2000,
    "dlib.chip_dims": 2000,
    "dlib.chip_details": 2000,
    "dlib.resize_image": 2000,
    "dlib.jitter_image": 9,
    "dlib.fhog_object_detector.run_multiple": 1,
    "dlib.chinese_whispers": 10**4,
    ".__call__": 1,
    ".run": 1,
    ".compute_face_descriptor": 9,
}
"""The largest whole number that may be given: what is more takes all memory, or all day."""

# Lists end with "s".
_HOLDERS = ("s", "dlib.vector", ".resize", ".set_size", ".__init__", "revived")


_ANY_LAYOUT = (".__call__", ".run", "dlib.fhog_object_detector.run_multiple")
"""What takes every array as if its pixels lay one after the other; the rest refuses others."""


def refusal(name: str, given: list[Any], named: dict[str, Any]) -> str | None:
    """Say why a step is not taken: the real module does not check, and leaves its memory."""
    kinds = [type(each).__name__ for each in given]
    numbers = list(_numbers([*given, *named.values()]))
    texts = [each for each in [*given, *named.values()] if isinstance(each, str)]
    if name in _MOST and any(number > _MOST[name] for number in numbers):
        return "too much to ask"
    if name == "dlib.resize_image" and len(numbers) == 1 and numbers[0] > 8:
        return "too much to ask"
    if name.endswith(_HOLDERS) and any(10**4 < number < 2**61 for number in numbers):
        return "more memory than there is"
    if kinds[:1] == ["vector"]:
        size = len(given[0])
        if name == "op.setitem" and any(number < -size for number in _numbers(given[1:2])):
            return "a vector's place before its start"
        if name in (".set_size", ".resize") and any(not 0 <= each < 2**60 for each in numbers):
            return "a vector of negative size"
    held = [one for each in given for one in (each if isinstance(each, list) else [each])]
    sizes = {len(each) for each in held if type(each).__name__ == "vector"}
    sums = ("dlib.dot", "dlib.chinese_whispers_clustering", "dlib.bottom_up_clustering")
    if name in sums and (len(sizes) > 1 or (0 in sizes and name == "dlib.dot")):
        return "arithmetic on vectors that differ in size, or on nothing"
    if name == "dlib.resize_image" and any(
        0 in each.shape for each in given if hasattr(each, "shape")
    ):
        return "resizing a picture without pixels"
    if name == ".extend" and any(each is given[0] for each in [*given[1:], *named.values()]):
        return "a list that takes itself"
    if kinds[:1] == ["shape_predictor"] and any(far(each) for each in [*given, *named.values()]):
        return "a box so large that the last digits of its points differ"
    if name in _ANY_LAYOUT and any(_strided(each) for each in [*given, *named.values()]):
        return "a picture of which dlib reads other pixels than these"
    if ("chip" in name or name == ".compute_face_descriptor") and any(
        far(each) for each in [*given, *named.values()]
    ):
        return "a chip from so far away that phiz refuses it"
    if name == "dlib.save_image" and not all(Path(each).parent.is_dir() for each in texts):
        return "a file in no folder: dlib says nothing, phiz does"
    if name == "set" and given[1] == "__class__":
        return "an object made another class's"
    if name == "op.delitem" and isinstance(given[1], slice) and (given[1].step or 1) < 0:
        return "removing backwards"
    if name in ("pickled", "state") and isinstance(given[0], type):
        return "a class, not an object of it"
    if name == "pickled" and any(number < 2 for number in numbers):
        return "a pickle of the first protocols"
    return None


def far(value: Any) -> bool:
    """Whether this lies beyond what phiz takes for pixels."""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "full_object_detections":
        return any(map(far, value))
    if type(value).__name__ == "full_object_detection":
        return any(max(abs(part.x), abs(part.y)) >= 2**30 for part in value.parts())
    box = value.rect if type(value).__name__ == "chip_details" else value
    if type(box).__name__ in ("rectangle", "drectangle"):
        return max(map(abs, (box.left(), box.top(), box.right(), box.bottom()))) >= 2**30
    return False


def _strided(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_strided, value))
    return isinstance(value, np.ndarray) and not value.flags.c_contiguous


def _numbers(values: Any) -> Iterator[float]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _numbers(value)
        elif isinstance(value, (int, float, np.integer, np.floating)):
            yield float(value) if isinstance(value, np.generic) else value
        elif isinstance(value, (Indexed, Floated)):
            yield value.number
