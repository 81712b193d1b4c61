"""How early wrong labels and split people come in the ranked lists of phiz.cleaning.

    python benchmarks/cleaning.py FOLDER [--seeds 30] [--least 4] [--variants protocol,everybody]

FOLDER has a folder per person, such as LFW.  In each seed 1 % of the people with at least 4
pictures are split into two halves under two names, then 2 % of the pictures get another label.
Counted over all seeds: the flipped pictures among the first 5 % of the ranked ones, and the split
pairs among as many first proposals to merge as there are splits.

    protocol    only people with at least 4 pictures are there; labels flip among them
    everybody   the same, among everybody else's pictures too; only the former are ranked
    all         everybody is there, and labels of anybody flip to anybody's
    strangers   only people with at least 4 pictures are there; flipped pictures are of others

Faces and descriptors come from the cache after the first run.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phiz.cleaning import read_tree
from phiz.cleaning.faces import choose_faces
from phiz.cleaning.labels import rank_labels
from phiz.cleaning.merges import rank_merges
from phiz.cleaning.spread import centred, euclidean_limit
from phiz.cleaning.tree import identity_of
from phiz.facecache import FaceCache
from phiz.pipeline import make_recipe, run
from phiz.table import FaceTable

VARIANTS = ("protocol", "everybody", "all", "strangers")


@dataclass
class Count:
    """Results over seeds."""

    flips: int = 0
    early: int = 0  # flips among the first 5 %
    first: int = 0  # flips among as many first pictures as there are flips
    no_face: int = 0  # flips without a face, which nothing can rank
    splits: int = 0
    merged: int = 0  # split pairs among as many first proposals
    soon: int = 0  # among five times as many


def described(folder: Path) -> tuple[FaceTable, np.ndarray]:
    """Return every face, and the identity of each picture."""
    tree = read_tree(folder)
    with FaceCache() as cache:
        found = run((tree.path(name) for name in tree.pictures), make_recipe(), cache=cache)
        table = FaceTable.concat(list(found))
    names = [identity_of(name) for name in tree.pictures]
    return table, np.unique(names, return_inverse=True)[1].astype(np.int64)


def spoil(
    identity: np.ndarray, variant: str, least: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[set[int]]]:
    """Return labels (-1: not there), who is flipped and who is ranked (p,), and split pairs."""
    counts = np.bincount(identity)
    large = np.flatnonzero(counts >= least)
    of_large = np.isin(identity, large)
    labels, pairs = identity.copy(), []
    for person in random.choice(large, max(1, round(0.01 * len(large))), replace=False).tolist():
        rows = random.permutation(np.flatnonzero(labels == person))
        fresh = int(labels.max()) + 1
        labels[rows[: len(rows) // 2]] = fresh
        pairs.append({person, fresh})
    ranked = np.ones(len(labels), bool) if variant == "all" else of_large
    flippable = ~of_large if variant == "strangers" else ranked
    flips = random.choice(np.flatnonzero(flippable), round(0.02 * ranked.sum()), replace=False)
    names = np.unique(labels[ranked])
    flipped = np.zeros(len(labels), bool)
    flipped[flips] = True
    if variant in ("protocol", "strangers"):
        labels[~of_large & ~flipped] = -1
    for row in flips.tolist():
        wrong = own = int(labels[row])
        while wrong == own or {wrong, own} in pairs:
            wrong = int(random.choice(names))
        labels[row] = wrong
    return labels, flipped, ranked | flipped, pairs


def judged(table: FaceTable, labels: np.ndarray, ranked: np.ndarray, splits: int):
    """Return pictures with a face in the order of suspicion, and pairs in that of merging."""
    vectors = table.descriptors
    _, short = np.unique(labels, return_inverse=True)
    short = short.astype(np.int64) - bool((labels < 0).any())
    limit = euclidean_limit(table.threshold, table.metric)
    faces = choose_faces(table, centred(vectors, table.metric), short, limit)
    rows = np.flatnonzero((faces >= 0) & (labels >= 0))
    found = rank_labels(
        vectors[faces[rows]], short[rows], metric=table.metric, threshold=table.threshold
    )
    merges = rank_merges(
        centred(vectors[faces[rows]], table.metric), short[rows], found.spread, most=5 * splits
    )
    names = np.unique(labels[labels >= 0])
    order = rows[found.order]
    return order[ranked[order]], [set(names[pair].tolist()) for pair in merges.pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--least", type=int, default=4)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    options = parser.parse_args()
    table, identity = described(options.folder)
    print(f"{len(identity)} pictures of {identity.max() + 1} people, {len(table)} faces")
    large = np.bincount(identity) >= options.least
    print(f"{large.sum()} people with at least {options.least} pictures", flush=True)
    print("variant     flips in 5 %  in as many  without face  splits first  in 5 x  seconds")
    for variant in options.variants.split(","):
        start, count = time.perf_counter(), Count()
        for seed in range(options.seeds):
            random = np.random.default_rng(seed)
            labels, flipped, ranked, pairs = spoil(identity, variant, options.least, random)
            order, merges = judged(table, labels, ranked, len(pairs))
            flips, early = int(flipped.sum()), int(0.05 * ranked.sum())
            count.flips += flips
            count.early += int(flipped[order[:early]].sum())
            count.first += int(flipped[order[:flips]].sum())
            count.no_face += flips - int(flipped[order].sum())
            count.splits += len(pairs)
            count.merged += sum(pair in merges[: len(pairs)] for pair in pairs)
            count.soon += sum(pair in merges for pair in pairs)
        part = count.early / count.flips, count.first / count.flips
        print(
            f"{variant:11} {part[0]:9.1%} of {count.flips:<5} {part[1]:6.1%} {count.no_face:10} "
            f"{count.merged / count.splits:12.1%} of {count.splits:<3} "
            f"{count.soon / count.splits:6.1%} {time.perf_counter() - start:7.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
