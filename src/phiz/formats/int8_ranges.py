"""Activation ranges of networks in int8: JSON files in the package, one for each weight file.

``tools/calibrate_int8.py`` makes them.  A file names the weights it belongs to, what it was made
from, the limit of every channel of every rounded value, and what int8 costs, as measured.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from phiz.checks import F32
from phiz.errors import FormatError, OptionError

__all__ = ["Cost", "Int8Ranges", "find_ranges", "read_ranges"]

_FOLDER = Path(__file__).parents[1] / "data" / "int8"
_SCHEMA = 1
_KEYS = ("weights", "limits", "lows", "costs")
_MOST_BYTES = 4 << 20  # the largest that is shipped has 80 kB
_MOST_CHANNELS = 1 << 16
_MOST = 1e30


@dataclass(frozen=True, slots=True)
class Cost:
    """What int8 changes on labelled pairs.

    data: which pairs.  bits: of the weights.  changed: decisions at ``threshold`` that differ from
    float32's.  distance: root mean square of the change of distances.  before, after: the share of
    right decisions in float32 and in int8.
    """

    data: str
    bits: int
    pairs: int
    threshold: float
    changed: int
    distance: float
    before: float
    after: float

    def __str__(self) -> str:
        return (
            f"{self.changed} of {self.pairs:,} decisions at {self.threshold:g} change on "
            f"{self.data}: {self.before:.2%} right become {self.after:.2%}, distances move by "
            f"{self.distance:.4f} (root mean square; {self.bits}-bit weights)"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Int8Ranges:
    """What is known of a network's activations.

    weights: the hash of the weight file.  limits: of each rounded value, the largest magnitude of
    each channel, (channels,).  lows: of some, the least number of each channel.  costs: measured.
    digest: of the file.
    """

    weights: str
    limits: Mapping[str, F32]
    lows: Mapping[str, F32]
    costs: tuple[Cost, ...]
    digest: str


def _cost(record: Any) -> Cost:
    known = {
        "data": str, "bits": int, "pairs": int, "threshold": float, "changed": int,
        "distance": float, "before": float, "after": float,
    }  # fmt: skip
    if not isinstance(record, dict) or record.keys() != known.keys():
        raise ValueError(f"a cost with {', '.join(known)}, found {str(record)[:60]}")
    for key, kind in known.items():
        value = record[key]
        fits = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
        if not fits or isinstance(value, bool):
            raise ValueError(f"{key} of a cost as {kind.__name__}, found {str(value)[:60]}")
    return Cost(**record)


def _numbers(key: str, name: object, values: object, least: float) -> F32:
    if not isinstance(values, list) or not 0 < len(values) <= _MOST_CHANNELS:
        raise ValueError(f"{key} of {name} as a list of numbers, found {str(values)[:60]}")
    for value in values:
        real = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not real or not math.isfinite(value) or not least <= value < _MOST:
            raise ValueError(
                f"{key} of {name} of {least:g} and above, below {_MOST:g}, found {str(value)[:60]}"
            )
    return np.array(values, np.float32)


def read_ranges(data: bytes, path: str) -> Int8Ranges:
    """Read activation ranges.

    data: the file.  path: what errors call it.  Raises FormatError for anything else.
    """

    def fail(want: str, found: str) -> NoReturn:
        raise FormatError(path, 0, want, found)

    if len(data) > _MOST_BYTES:
        fail(f"activation ranges of at most {_MOST_BYTES} bytes", f"{len(data)}")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        fail("activation ranges as JSON", str(error)[:80])
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        fail(f"activation ranges of schema {_SCHEMA}", str(content)[:60])
    weights, limits, lows, costs = (content.get(key) for key in _KEYS)
    if not (
        isinstance(weights, str)
        and isinstance(limits, dict)
        and isinstance(lows, dict)
        and isinstance(costs, list)
    ):
        fail(", ".join(_KEYS), ", ".join(map(str, content))[:80])
    try:
        return Int8Ranges(
            weights,
            {name: _numbers("limits", name, each, 0.0) for name, each in limits.items()},
            {name: _numbers("lows", name, each, -_MOST) for name, each in lows.items()},
            tuple(_cost(record) for record in costs),
            hashlib.sha256(data).hexdigest(),
        )
    except ValueError as error:
        want, _, found = str(error).partition(", found ")
        fail(want, found)


def find_ranges(weights: str, *, folder: Path = _FOLDER) -> Int8Ranges:
    """Return the ranges that are shipped for a weight file with this hash.

    Raises OptionError where there are none, FormatError for a file that is damaged.
    """
    path = folder / f"{weights[:16]}.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OptionError(
            "precision: int8 wants activation ranges, and none are shipped for weights with the "
            f"hash {weights[:16]}...: use float32"
        ) from error
    ranges = read_ranges(data, str(path))
    if ranges.weights != weights:
        raise FormatError(str(path), 0, f"ranges of weights {weights}", ranges.weights[:80])
    return ranges
