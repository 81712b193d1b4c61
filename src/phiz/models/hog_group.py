"""Several HOG detectors on one picture at once, as dlib's ``run_multiple`` does it.

Source: dlib ``scan_fhog_pyramid.h``, evaluate_detectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phiz.checks import I64, U8
from phiz.geometry import greedy_nms
from phiz.models.hog import HogDetector, HogOptions
from phiz.models.hog_pyramid import boxes_of, search_picture
from phiz.models.hog_scan import Frame, Hits, join, score_level
from phiz.runtime import Runtime
from phiz.values import Faces

__all__ = ["find_together"]


def find_together(
    detectors: Sequence[HogDetector], image: U8, options: HogOptions, runtime: Runtime
) -> Faces:
    """Search a picture (h, w) or (h, w, 3) uint8 with several detectors, one or more.

    They share one pyramid, which goes as far as any of them wants, and whose borders are as wide
    as the largest filters: windows near the picture's edge may differ from those that a detector
    finds alone.  A detector's own duplicates are suppressed, not those of others.  Boxes are
    placed by the first one's cells, whatever the others' are.

    Returns Faces whose ``sub`` is the detector's index; several detectors' best score first.
    """
    banks = [detector.bank for detector in detectors]
    values = [bank.value for bank in banks]
    frame = Frame.around(banks)
    least = min(value.min_layer[0] for value in values), min(v.min_layer[1] for v in values)
    reach = max(value.max_levels for value in values), least
    alike = len({value.cell for value in values}) == 1

    def score(planes: U8, level: int) -> list[Hits]:
        adjust = options.threshold
        if alike:
            return score_level(runtime, planes, level, banks, frame, adjust)
        alone = [score_level(runtime, planes, level, [bank], frame, adjust) for bank in banks]
        return [hits for (hits,) in alone]

    levels = search_picture(runtime, image, options.upsample, reach, score)
    found = [join(hits) for hits in zip(*levels, strict=True)]
    rectangles = np.concatenate([hits.rectangles for hits in found])
    scores = np.concatenate([hits.scores for hits in found])
    sub = np.concatenate([hits.sub for hits in found])
    which = np.repeat(np.arange(len(found)), [len(hits.sub) for hits in found])
    # Hits of one detector are ordered by its filters first, unless others are there.
    keys = (sub, which, -scores) if len(found) > 1 else (-scores, sub)
    order = np.lexsort(keys)
    kept = [
        mine[greedy_nms(rectangles[order[mine]], *value.nms)]
        for detector, value in enumerate(values)
        for mine in [np.flatnonzero(which[order] == detector)]
    ]
    best: I64 = order[np.sort(np.concatenate(kept))]
    return Faces(
        boxes=boxes_of(rectangles[best], options.upsample),
        scores=scores[best].astype(np.float32),
        sub=which[best].astype(np.int64),
    )
