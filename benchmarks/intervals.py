"""How often 95 % intervals cover the truth, in simulations whose truth is known.

    python benchmarks/intervals.py [--runs 1000] [--people 300] [--only NAME]

Each run draws people with a mean and a spread of their own and two to eight pictures each, so that
pairs that share a person are alike, and asks for the intervals of the area under the ROC curve and
of the TAR at FAR 1e-2.  The truth is that of 8 million independent pairs of either kind.

all     every pair of the pictures
sphere  the same, means on a sphere, where nobody is nearer to all the others than anybody else
hard    the same, people closer together
lists   1,000 pairs of either kind of people drawn at random

Measured, 1,000 runs of 300 people each; the bar is 93 to 97 %:

| design | truth: AUC, TAR | AUC covered | TAR covered |
|---|---|---|---|
| all | 0.9696, 0.7706 | 96.3 % | 95.4 % |
| sphere | 0.9745, 0.8201 | 95.9 % | 96.3 % |
| hard | 0.8908, 0.4850 | 96.0 % | 95.2 % |
| lists | 0.9696, 0.7706 | 94.4 % | 96.0 % |
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from phiz.evaluation.blocks import all_pairs
from phiz.evaluation.intervals import CurveIntervals, counts_intervals, curve_intervals
from phiz.evaluation.trials import Trials

FAR = 1e-2
SIDES = 16
DESIGNS = {  # name: spread, means on a sphere, listed pairs or None
    "all": (0.55, False, None),
    "sphere": (0.55, True, None),
    "hard": (0.8, False, None),
    "lists": (0.55, False, 1000),
}


def means(count: int, sphere: bool, random: np.random.Generator) -> np.ndarray:
    drawn = random.standard_normal((count, SIDES))
    if sphere:
        drawn *= np.sqrt(SIDES) / np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


def spreads(count: int, spread: float, random: np.random.Generator) -> np.ndarray:
    return spread * np.exp(0.3 * random.standard_normal((count, 1)))


def truth(spread: float, sphere: bool) -> tuple[float, float]:
    """Return the area under the curve and the TAR at the FAR of the population."""
    random = np.random.default_rng(0)
    genuine, impostor, count = [], [], 250_000
    for _ in range(32):
        steps = [random.standard_normal((count, SIDES)) for _ in range(2)]
        genuine.append(
            np.linalg.norm(spreads(count, spread, random) * (steps[0] - steps[1]), axis=1)
        )
        one, other = (
            means(count, sphere, random)
            + spreads(count, spread, random) * random.standard_normal((count, SIDES))
            for _ in range(2)
        )
        impostor.append(np.linalg.norm(one - other, axis=1))
    near, far = np.sort(np.concatenate(genuine)), np.sort(np.concatenate(impostor))
    area = 1 - float(np.searchsorted(far, near).mean()) / len(far)
    return area, float(np.searchsorted(near, far[int(FAR * len(far))])) / len(near)


def measured(
    seed: int, people: int, spread: float, sphere: bool, listed: int | None
) -> CurveIntervals:
    """Draw one data set and return its intervals."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), random.integers(2, 9, people))
    own = spreads(people, spread, random)[who]
    vectors = means(people, sphere, random)[who] + own * random.standard_normal((len(who), SIDES))
    vectors = vectors.astype(np.float32)
    if listed is None:
        found = all_pairs(vectors, who)
        return counts_intervals(found.people, found.curve(), [FAR])
    first, count = np.searchsorted(who, np.arange(people)), np.bincount(who)

    def picture(person: np.ndarray) -> np.ndarray:
        return first[person] + random.integers(0, count[person])

    one, two = random.integers(0, people, (2, listed))
    other = (two + random.integers(1, people, listed)) % people
    left = np.concatenate([picture(one), picture(two)])
    again = first[one] + (left[:listed] - first[one] + random.integers(1, count[one])) % count[one]
    right = np.concatenate([again, picture(other)])
    distances = np.linalg.norm(vectors[left].astype(np.float64) - vectors[right], axis=1)
    ends = who[np.stack([left, right], axis=1)]
    return curve_intervals(Trials(distances, ends[:, 0] == ends[:, 1], ends), [FAR])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--only", choices=DESIGNS)
    options = parser.parse_args()
    print("| design | truth: AUC, TAR | AUC covered | TAR covered | seconds a run |")
    print("|---|---|---|---|---|")
    for name in [options.only] if options.only else DESIGNS:
        spread, sphere, listed = DESIGNS[name]
        true = truth(spread, sphere)
        covered, start = np.zeros(2, int), time.perf_counter()
        for seed in range(options.runs):
            found = measured(1 + seed, options.people, spread, sphere, listed)
            for place, interval in enumerate((found.auc, found.tar[FAR])):
                assert interval is not None
                covered[place] += interval.low <= true[place] <= interval.high
        seconds = (time.perf_counter() - start) / options.runs
        shares = " | ".join(f"{100 * count / options.runs:.1f} %" for count in covered)
        print(f"| {name} | {true[0]:.4f}, {true[1]:.4f} | {shares} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
