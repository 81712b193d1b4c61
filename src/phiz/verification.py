"""Is this the same person?"""

from __future__ import annotations

import math
import os

from phiz.calibration import Calibration
from phiz.errors import ImageError, OptionError
from phiz.imaging import ImageLike
from phiz.models.protocols import Describer, Detector, Landmarker
from phiz.pipeline import DEFAULTS, analyze
from phiz.runtime import Runtime
from phiz.table import FaceTable
from phiz.values import Verification

__all__ = ["verify"]


def _subject(table: FaceTable, which: str) -> tuple[FaceTable | None, str | None]:
    """Return the largest face of a picture, and a warning if there were others."""
    if not len(table):
        return None, None
    sides = table.boxes[:, 2:] - table.boxes[:, :2]
    largest = int((sides[:, 0] * sides[:, 1]).argmax())
    warning = None
    if len(table) > 1:
        warning = f"the {which} picture has {len(table)} faces; the largest one was taken"
    return table[[largest]], warning


def verify(
    a: ImageLike,
    b: ImageLike,
    *,
    threshold: float | Calibration | None = None,
    prior: float | None = None,
    detector: str | os.PathLike[str] | Detector = DEFAULTS[0],
    landmarks: str | os.PathLike[str] | Landmarker = DEFAULTS[1],
    descriptor: str | os.PathLike[str] | Describer = DEFAULTS[2],
    upsample: int | None = None,
    jitter: int = 0,
    precision: str = "float32",
    runtime: Runtime | None = None,
) -> Verification:
    """Compare the faces of two pictures.

    a, b: paths, bytes, arrays or Pillow images.  Of several faces the largest is taken, with a
        warning.
    threshold: below it the two are called the same person; by default the model's own.  A
        :class:`phiz.calibration.Calibration` brings its own, and the log-likelihood ratio.
    prior: how probable it is that they are the same person before they are compared; with a
        calibration it gives the probability afterwards.
    detector, landmarks, descriptor, upsample, jitter, precision: see :func:`phiz.analyze`.

    Returns a Verification; where a picture has no face ``same`` is None.  Raises ImageError if a
    picture cannot be read.
    """
    calibration = threshold if isinstance(threshold, Calibration) else None
    if prior is not None and calibration is None:
        raise OptionError("a prior wants a calibration: make one with 'phiz calibrate'")
    sides = []
    for which, picture in (("first", a), ("second", b)):
        try:
            table = analyze(
                picture,
                detector=detector,
                landmarks=landmarks,
                descriptor=descriptor,
                upsample=upsample,
                jitter=jitter,
                precision=precision,
                runtime=runtime,
            )
        except ImageError as error:
            raise ImageError(f"the {which} picture: {error}") from error
        sides.append((which, table, *_subject(table, which)))
    limit = sides[0][1].threshold if threshold is None else threshold
    if isinstance(limit, Calibration):
        limit = limit.threshold
    assert limit is not None
    warnings = tuple(warning for *_, warning in sides if warning)
    missing = [which for which, _, face, _ in sides if face is None]
    if missing:
        reason = f"no face was found in the {' and the '.join(missing)} picture"
        return Verification(None, None, float(limit), reason, warnings)
    one, other = (face for _, _, face, _ in sides)
    assert one is not None
    assert other is not None
    if calibration is not None:
        calibration.check_space(one.described())
    distance = float(one.described().distances(other.described())[0, 0])
    same = distance < limit
    reason = (
        f"distance {distance:.4f} is {'below' if same else 'not below'} the threshold {limit:g}: "
        f"{'the same person' if same else 'different people'}"
    )
    if calibration is None:
        return Verification(same, distance, float(limit), reason, warnings)
    ratio = float(calibration.log_ratio(distance))
    chance = None if prior is None else calibration.probability(distance, prior)
    reason += f"; the distance is {_times(ratio)} probable if they are"
    if chance is not None:
        reason += f"; with a prior of {prior:g} the probability is {chance:.4g}"
    return Verification(same, distance, float(limit), reason, warnings, ratio, chance, prior)


def _times(ratio: float) -> str:
    return f"{math.exp(ratio):.3g} times as" if ratio >= 0 else f"{math.exp(-ratio):.3g} times less"
