"""How references should vote: right names, wrong names, and strangers named, by several rules.

    python benchmarks/identification.py PEOPLE [--threshold 0.6]

PEOPLE has a folder for each person.  Every picture of a person with three or more is asked for,
once with itself left out, and once as a stranger's, with all pictures of that person left out.  A
name is given where the nearest is closer than the threshold and one person has more than half of
the vote.  phiz.identify's rule is "of those below it, threshold less distance" with 5 neighbours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from phiz.evaluation.faces import PROMINENT, describe_pictures
from phiz.evaluation.listings import people_folder
from phiz.facecache import FaceCache
from phiz.pipeline import make_recipe

MOST = 7  # neighbours
RULES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "all the same": lambda near, _: np.ones_like(near),
    "1 / distance": lambda near, _: 1 / np.maximum(near, 1e-9),
    "of those below it, all the same": lambda near, limit: (near < limit).astype(float),
    "of those below it, threshold less distance": lambda near, limit: np.maximum(limit - near, 0),
}


def nearest(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.argsort(distances, axis=1, kind="stable")[:, :MOST]
    return rows, np.take_along_axis(distances, rows, axis=1)


def vote(
    near: np.ndarray, who: np.ndarray, weights: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return who wins, and whether that is a name or unknown; all (n, k), nearest first."""
    support = np.stack(
        [(weights * (who == who[:, [k]])).sum(axis=1) for k in range(who.shape[1])], axis=1
    )
    place, faces = support.argmax(axis=1), np.arange(len(who))
    clear = 2 * support[faces, place] > weights.sum(axis=1) * (1 + 1e-9)
    return who[faces, place], clear & (near[:, 0] < limit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("--threshold", type=float, default=0.6)
    options = parser.parse_args()
    listed = people_folder(options.people)
    with FaceCache() as cache:
        paths = [options.people / name for name in listed.pictures]
        faces = describe_pictures(paths, make_recipe(choice=PROMINENT), cache=cache)
    names, who, counts = np.unique(
        listed.people[faces.rows], return_inverse=True, return_counts=True
    )
    vectors = faces.vectors.astype(np.float64)
    asked = np.flatnonzero(counts[who] >= 3)
    if not len(asked):
        raise SystemExit(f"{options.people}: wanted people with three pictures or more, found none")
    squares = (vectors**2).sum(axis=1)
    apart = squares[asked][:, None] + squares - 2 * vectors[asked] @ vectors.T
    apart = np.sqrt(np.maximum(apart, 0))
    apart[np.arange(len(asked)), asked] = np.inf
    known = nearest(apart)
    apart[who[asked][:, None] == who] = np.inf
    strange = nearest(apart)
    print(
        f"{len(vectors)} faces of {len(names)} people, {len(asked)} asked for, threshold "
        f"{options.threshold:g}"
    )
    print(f"{'':45}{'neighbours':>10}{'right':>8}{'wrong':>8}{'stranger named':>16}   percent")
    for rule, weigh in RULES.items():
        for count in (1, 3, 5, MOST):
            found = []
            for rows, near in (known, strange):
                near = near[:, :count]
                weights = weigh(near, options.threshold)
                found.append(vote(near, who[rows[:, :count]], weights, options.threshold))
            (winner, sure), (_, named) = found
            right = (winner == who[asked]) & sure
            print(
                f"{rule:45}{count:>10}{100 * right.mean():8.1f}"
                f"{100 * (sure & ~right).mean():8.1f}{100 * named.mean():16.1f}"
            )


if __name__ == "__main__":
    main()
