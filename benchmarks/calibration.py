"""What thresholds chosen by ``phiz calibrate`` do on other people.

    python benchmarks/calibration.py PEOPLE [--splits 200] [--people 300]

PEOPLE has a folder for each person.  People are split at random into those that calibrate and as
many others.  Prints how often the others' false match rate is inside of the interval that was
stated, how far the interval's end is from the rate asked for where there are 100 / rate pairs, and
the expected calibration error on the others.  Exit code 1 where a bar is missed: 90 % inside, 3
times the rate, 0.02.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from phiz.errors import OptionError
from phiz.evaluation.calibrate import trials_of
from phiz.evaluation.faces import PROMINENT, describe_pictures
from phiz.evaluation.likelihood import calibration_error, fit_ratio
from phiz.evaluation.listings import people_folder
from phiz.evaluation.targets import Impostors, target_threshold
from phiz.facecache import FaceCache
from phiz.pipeline import make_recipe

RATES = (1e-2, 1e-3, 1e-4)
PRIOR = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--people", dest="count", type=int, default=300)
    options = parser.parse_args()
    listed = people_folder(options.people)
    with FaceCache() as cache:
        paths = [options.people / name for name in listed.pictures]
        faces = describe_pictures(paths, make_recipe(choice=PROMINENT), cache=cache)
    who = listed.people[faces.rows]
    named = np.unique(who)
    count = min(options.count, len(named) // 2)

    inside: dict[float, list[bool]] = {rate: [] for rate in RATES}
    reach: dict[float, list[float]] = {rate: [] for rate in RATES}
    errors = []
    for split in range(options.splits):
        order = np.random.default_rng(split).permutation(named)
        mine, others = (
            trials_of(faces.vectors[rows], who[rows], metric=faces.metric)
            for rows in (
                np.flatnonzero(np.isin(who, order[:count])),
                np.flatnonzero(np.isin(who, order[count : 2 * count])),
            )
        )
        impostors = Impostors(mine.impostor, mine.people[~mine.same])
        for rate in RATES:
            try:
                target = target_threshold(impostors, rate)
            except OptionError:
                continue
            achieved = float((others.impostor < target.threshold).mean())
            inside[rate].append(target.low <= achieved <= target.high)
            if len(impostors) >= 100 / rate:
                reach[rate].append(target.high / rate)
        fit = fit_ratio(mine)
        errors.append(calibration_error(fit(others.distances), others.same, PRIOR))
    print(f"{options.splits} splits, {count} people calibrate, {count} others")
    well = True
    for rate in RATES:
        if inside[rate]:
            share = float(np.mean(inside[rate]))
            end = f"{max(reach[rate]):.2f} x at most" if reach[rate] else "too few pairs to ask"
            print(f"FMR {rate:g}: inside of the interval {share:.1%}; its end {end}")
            well &= share >= 0.9 and max(reach[rate], default=0) <= 3
    print(
        f"expected calibration error at a prior of {PRIOR}: median {np.median(errors):.4f}, "
        f"95 % of splits below {np.quantile(errors, 0.95):.4f}"
    )
    return 0 if well and np.median(errors) <= 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
