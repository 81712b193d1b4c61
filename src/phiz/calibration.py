"""What calibration found out about a model's distances, as a value and as a small JSON file.

It is made from labelled pairs by :mod:`phiz.evaluation.calibrate`, and read by everything that
decides: a threshold, what a distance says about the question (a log-likelihood ratio), and how
often strangers come that near (for galleries of any size).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from phiz.checks import F64
from phiz.errors import OptionError, SpaceError
from phiz.values import Descriptors, Metric

__all__ = ["CALIBRATION_SCHEMA", "Calibration", "read_calibration", "threshold_of"]

CALIBRATION_SCHEMA = 1
_LARGEST = 1 << 20  # bytes of a file
_POINTS = 4096  # of a curve


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold with what stands behind it.

    space, metric: of the descriptors; nothing else may be compared with it.
    threshold: same person below it.  fmr: the false match rate that was asked for.
    measured: the rate on the pairs.  low, high: 95 % interval of the rate on as many other people.
    genuine, impostors, people: pairs and people it was made from.
    llr_distances, llr: the natural logarithm of the likelihood ratio "same person" over "different
        people" at some distances, ascending; between them on a straight line, outside constant.
    llr_method: "isotonic" or "logistic".
    tail_distances, tail_rates: how many impostor pairs are nearer than some distances, ascending.
        Below the first, rates are extrapolated.
    """

    space: str
    metric: Metric
    threshold: float
    fmr: float
    measured: float
    low: float
    high: float
    genuine: int
    impostors: int
    people: int
    llr_distances: tuple[float, ...]
    llr: tuple[float, ...]
    llr_method: str
    tail_distances: tuple[float, ...]
    tail_rates: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("llr_distances", "llr", "tail_distances", "tail_rates"):
            numbers = getattr(self, name)
            if not 2 <= len(numbers) <= _POINTS or not all(map(math.isfinite, numbers)):
                raise OptionError(f"calibration: {name}: wanted 2 to {_POINTS} finite numbers")
        if len(self.llr) != len(self.llr_distances):
            raise OptionError("calibration: llr: wanted as many numbers as llr_distances")
        if len(self.tail_rates) != len(self.tail_distances):
            raise OptionError("calibration: tail_rates: wanted as many numbers as tail_distances")
        for name in ("llr_distances", "tail_distances", "tail_rates"):
            if (np.diff(getattr(self, name)) <= 0).any():
                raise OptionError(f"calibration: {name}: wanted ascending numbers")
        if (np.diff(self.llr) > 0).any():
            raise OptionError("calibration: llr: wanted numbers that never rise")
        if not 0 < self.tail_rates[0] <= self.tail_rates[-1] <= 1:
            raise OptionError("calibration: tail_rates: wanted numbers between 0 and 1")
        if not math.isfinite(self.threshold):
            raise OptionError(f"calibration: threshold: found {self.threshold}")
        if not 0 <= self.low <= self.measured <= self.high <= 1 or not 0 < self.fmr < 1:
            raise OptionError("calibration: low, measured, high, fmr: wanted rates in order")

    def log_ratio(self, distance: float | F64) -> F64:
        """Return the natural logarithm of the likelihood ratio at one or many distances."""
        return np.asarray(np.interp(distance, self.llr_distances, self.llr), np.float64)

    def probability(self, distance: float, prior: float) -> float:
        """Return how probable it is that two faces are one person's.

        prior: how probable that was before the faces were compared, between 0 and 1: 0.5 where as
            many pairs are of one person as of two, 0.001 for a suspect picked out of a thousand.
        """
        if not 0 < prior < 1:
            raise OptionError(f"prior: wanted a number between 0 and 1, found {prior:g}")
        odds = float(self.log_ratio(distance)) + math.log(prior / (1 - prior))
        return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0

    def rate_at(self, distance: float) -> float:
        """Return how many strangers are nearer than a distance, extrapolated below the data.

        Between the points and below them the logarithm of the rate is a straight line of the
        logarithm of the distance; below, it has the slope of the last factor of ten of the rate.
        """
        logs, rates = self._tail()
        at = math.log(max(distance, 1e-12))
        if at >= logs[0]:
            return math.exp(float(np.interp(at, logs, rates)))
        return math.exp(rates[0] + self._slope() * (at - logs[0]))

    def for_gallery(self, faces: int, fpir: float = 0.01) -> tuple[float, bool]:
        """Return the threshold for a gallery, and whether it had to be extrapolated.

        faces: in the gallery.  fpir: false positive identification rate: the share of unknown
            people that may match somebody.  Each of the faces may match with 1 - (1 - fpir) **
            (1 / faces), about fpir / faces.
        """
        if faces < 1:
            raise OptionError(f"gallery: wanted at least 1 face, found {faces}")
        if not 0 < fpir < 1:
            raise OptionError(f"false positive rate: wanted between 0 and 1, found {fpir:g}")
        wanted = math.log(-math.expm1(math.log1p(-fpir) / faces))
        logs, rates = self._tail()
        if wanted >= rates[0]:
            return math.exp(float(np.interp(wanted, rates, logs))), False
        return math.exp(logs[0] + (wanted - rates[0]) / self._slope()), True

    def _tail(self) -> tuple[F64, F64]:
        return np.log(np.maximum(self.tail_distances, 1e-12)), np.log(self.tail_rates)

    def _slope(self) -> float:
        logs, rates = self._tail()
        at = int(np.searchsorted(rates, rates[0] + math.log(10)))
        at = min(max(at, 1), len(rates) - 1)
        return float((rates[at] - rates[0]) / (logs[at] - logs[0]))

    def check_space(self, descriptors: Descriptors) -> None:
        """Raise SpaceError unless the descriptors are of the model that this was made with."""
        if descriptors.space != self.space:
            raise SpaceError(
                f"the calibration was made for {self.space}, found descriptors of "
                f"{descriptors.space}: calibrate this model too"
            )

    def to_json(self) -> str:
        """Return the content of a calibration file."""
        return json.dumps({"schema": CALIBRATION_SCHEMA, **asdict(self)}, indent=1) + "\n"


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file; OptionError, with its name, for anything else."""
    try:
        if path.stat().st_size > _LARGEST:
            raise OptionError(f"{path}: wanted a calibration file, found {path.stat().st_size} B")
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path}: wanted a calibration file: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != CALIBRATION_SCHEMA:
        raise OptionError(f"{path}: wanted a calibration of schema {CALIBRATION_SCHEMA}")
    try:
        return Calibration(**{field.name: _read(data, field.name) for field in fields(Calibration)})
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


_WORDS = ("space", "metric", "llr_method")
_WHOLE = ("genuine", "impostors", "people")


def _read(data: dict[str, Any], name: str) -> Any:
    """Return one field, of the right type."""
    value = data.get(name)
    if name in _WORDS:
        allowed = {"metric": ("euclidean", "cosine"), "llr_method": ("isotonic", "logistic")}
        if not isinstance(value, str) or value not in allowed.get(name, (value,)):
            raise OptionError(f"{name}: found {value!r}")
        return value
    if name in _WHOLE:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise OptionError(f"{name}: wanted a whole number, found {value!r}")
        return value
    many: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in many):
        raise OptionError(f"{name}: wanted numbers, found {str(value)[:40]}")
    try:
        return tuple(map(float, many)) if isinstance(value, list) else float(many[0])
    except OverflowError as error:
        raise OptionError(f"{name}: {error}") from error


def threshold_of(
    given: float | Calibration | None, descriptors: Descriptors, *, gallery: int = 1
) -> float:
    """Return the threshold that was given, or the calibration's, or the model's own.

    gallery: how many faces each is compared with.  A calibration then gives the smaller of its own
        threshold and that at which 1 % of unknown people match somebody.

    Raises SpaceError for a calibration of another model, unless the vectors are bare ones, and
    OptionError unless the threshold is above 0.
    """
    limit = descriptors.threshold if given is None else given
    if isinstance(limit, Calibration):
        if descriptors.space:
            limit.check_space(descriptors)
        limit = min(limit.threshold, limit.for_gallery(max(gallery, 1))[0])
    if not limit > 0:
        raise OptionError(f"threshold: wanted a number above 0, found {limit}")
    return float(limit)
