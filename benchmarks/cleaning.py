"""How early wrong labels and split people come in the lists of ``phiz clean``.

    python benchmarks/cleaning.py PEOPLE [--seeds 30] [--readings kept,everybody] [--command 3]
                                         [--same NAME=NAME ...]

for example

    python benchmarks/cleaning.py lfw/images
    phiz describe lfw/images --parquet lfw.parquet && python benchmarks/cleaning.py lfw.parquet

PEOPLE has a folder for each person, such as LFW, or is a table of faces from such a folder.  In
each seed 1 % of the people with at least 4 pictures are split in two under two names, then 2 % of
their pictures get the label of another such person, never that of the other half.  Counted over
all seeds: flipped pictures among the first 5 % in the order of ranking.csv, those of them that are
proposed as wrong labels, and split pairs among as many first proposals to merge as there are
splits.  What "the set" is, can be read in more than one way:

    kept        only people with at least 4 pictures are there; people are split into halves
    uneven      the same, but split anywhere
    swapped     the same as kept, but two pictures each swap their labels
    strangers   the same as kept, but flipped pictures are of people who are not there
    everybody   the others' pictures are there too; the first 5 % are of those pictures that may be
                flipped
    hundredth   the same, and as many people are split as are 1 % of everybody
    all         labels of anybody flip to anybody's; the first 5 % are of all pictures; people are
                split as in hundredth

--command N: the sets of the first N seeds are also written as folders, and ``phiz clean`` is called
for them; its ranking.csv and proposals.csv give the row "... called".  --same A=B C=D names people
whom PEOPLE itself has under two names: their merges are not counted.  Faces come from the cache
after the first time.  Exit code 1 where "kept" misses a bar: 90 % of flips, 85 % of splits.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from phiz.arrow import read_parquet
from phiz.cleaning import Tree, examine, judge, read_tree
from phiz.cleaning.measures import Measures
from phiz.cleaning.tree import identity_of
from phiz.facecache import FaceCache
from phiz.pipeline import make_recipe
from phiz.table import FaceTable

Found: TypeAlias = tuple[list[str], set[str], list[tuple[str, str]]]
"""The ranking, pictures with wrong labels, and merges."""

READINGS = ("kept", "uneven", "swapped", "strangers", "everybody", "hundredth", "all")
BARS = (0.90, 0.85)
LEAST = 4  # pictures of a person who may be split, or whose pictures may be flipped


@dataclass(frozen=True)
class Faces:
    """What is known of n pictures."""

    paths: list[Path]
    identity: np.ndarray  # (n,) int64
    names: list[str]
    tables: list[FaceTable]
    measures: list[Measures]


@dataclass(frozen=True)
class Spoiled:
    """A set with mistakes: labels (n,), -1 where a picture is not there, and what is wrong."""

    labels: np.ndarray
    flipped: np.ndarray
    ranked: np.ndarray  # (n,) bool, of which the first 5 % are counted
    pairs: list[frozenset[int]]


@dataclass(frozen=True)
class Lists:
    """What ``phiz clean`` says, as numbers of pictures and of labels."""

    ranking: list[int]
    proposed: set[int]
    merges: list[frozenset[int]]


@dataclass
class Count:
    """Results over seeds."""

    flips: int = 0
    early: int = 0
    proposed: int = 0  # of the early ones
    first: int = 0  # among as many first pictures as there are flips
    no_face: int = 0
    splits: int = 0
    merged: int = 0
    soon: int = 0  # among five times as many proposals as splits
    seconds: float = 0

    def add(self, spoiled: Spoiled, lists: Lists) -> None:
        """Count the results of a seed."""
        of_ranked = [row for row in lists.ranking if spoiled.ranked[row]]
        flips = set(np.flatnonzero(spoiled.flipped).tolist())
        early = flips.intersection(of_ranked[: int(0.05 * spoiled.ranked.sum())])
        self.flips += len(flips)
        self.early += len(early)
        self.proposed += len(early & lists.proposed)
        self.first += len(flips.intersection(of_ranked[: len(flips)]))
        self.no_face += len(flips.difference(of_ranked))
        pairs = spoiled.pairs
        self.splits += len(pairs)
        self.merged += len(set(pairs).intersection(lists.merges[: len(pairs)]))
        self.soon += len(set(pairs).intersection(lists.merges[: 5 * len(pairs)]))

    def line(self, name: str) -> str:
        """Return a row of the table."""
        flips, splits = max(self.flips, 1), max(self.splits, 1)
        return (
            f"{name:17} {self.early / flips:7.1%} of {self.flips:<5} {self.proposed / flips:7.1%} "
            f"{self.first / flips:9.1%} {self.no_face:7} {self.merged / splits:9.1%} of "
            f"{self.splits:<4} {self.soon / splits:6.1%} {self.seconds:7.0f}"
        )

    @property
    def passed(self) -> bool:
        """Whether the bars are reached."""
        return self.early >= BARS[0] * self.flips and self.merged >= BARS[1] * self.splits


def read_folder(folder: Path) -> Faces:
    """Look at every picture of a folder per person."""
    tree = read_tree(folder)
    with FaceCache() as cache:
        looked = list(examine(tree, make_recipe(), cache=cache))
    tables, measures = map(list, zip(*looked, strict=True))
    return _faces([tree.path(name) for name in tree.pictures], tables, measures)


def read_table(path: Path) -> Faces:
    """Read a table of faces; hashes and sharpness, which say nothing of labels, are not in it."""
    table = read_parquet(path)
    tables = []
    for index, picture in enumerate(table.pictures):
        rows = table[table.picture == index]
        tables.append(replace(rows, pictures=(picture,), picture=np.zeros(len(rows), np.int64)))
    measures = [Measures(None, (0.0,) * len(each)) for each in tables]
    return _faces([Path(picture.source) for picture in table.pictures], tables, measures)


def _faces(paths: list[Path], tables: list[FaceTable], measures: list[Measures]) -> Faces:
    names, identity = np.unique([path.parent.name for path in paths], return_inverse=True)
    return Faces(paths, identity.astype(np.int64), names.tolist(), tables, measures)


def spoil(identity: np.ndarray, reading: str, random: np.random.Generator) -> Spoiled:
    """Split people, then flip labels."""
    counts = np.bincount(identity)
    large = np.flatnonzero(counts >= LEAST)
    of_large = np.isin(identity, large)
    labels, pairs = identity.copy(), []
    among = len(counts) if reading in ("hundredth", "all") else len(large)
    for person in random.choice(large, max(1, round(0.01 * among)), replace=False).tolist():
        rows = random.permutation(np.flatnonzero(identity == person))
        fresh = int(labels.max()) + 1
        cut = int(random.integers(1, len(rows))) if reading == "uneven" else len(rows) // 2
        labels[rows[:cut]] = fresh
        pairs.append(frozenset((person, fresh)))
    ranked = np.ones(len(labels), bool) if reading == "all" else of_large
    flippable = ~of_large if reading == "strangers" else ranked
    flips = random.choice(np.flatnonzero(flippable), round(0.02 * ranked.sum()), replace=False)
    flipped = np.zeros(len(labels), bool)
    if reading == "swapped":
        for one, other in flips[: len(flips) // 2 * 2].reshape(-1, 2).tolist():
            if identity[one] != identity[other]:
                labels[[one, other]] = labels[[other, one]]
                flipped[[one, other]] = True
    else:
        names = np.unique(labels[ranked])
        before = labels.copy()
        for row in flips.tolist():
            own = frozenset((int(before[row]),))
            same = own.union(*(pair for pair in pairs if own <= pair))
            while int(labels[row]) in same:
                labels[row] = random.choice(names)
        flipped[flips] = True
    if reading not in ("everybody", "hundredth", "all"):
        labels[~of_large & ~flipped] = -1
    return Spoiled(labels, flipped, ranked | flipped, pairs)


def file_names(faces: Faces, labels: np.ndarray) -> dict[str, int]:
    """Return where each picture is in the spoiled set, and its number."""
    more = int(labels.max()) + 1 - len(faces.names)
    names = [*faces.names, *(f"split {number}" for number in range(more))]
    return {
        f"{names[labels[row]]}/{row:07}{faces.paths[row].suffix}": row
        for row in np.flatnonzero(labels >= 0).tolist()
    }


def judged(faces: Faces, names: dict[str, int]) -> Found:
    """Ask the function that ``phiz clean`` calls."""
    tree = Tree(Path("/"), tuple(sorted(names)))
    rows = [names[name] for name in tree.pictures]
    tables = [faces.tables[row].rename(name) for row, name in zip(rows, tree.pictures, strict=True)]
    found = judge(tree, tables, [faces.measures[row] for row in rows])
    merges = [(each.identity, each.target) for each in found.proposals.of("merge")]
    return found.ranking, {each.picture for each in found.proposals.of("label")}, merges


def called(faces: Faces, names: dict[str, int]) -> Found:
    """Write the set as a folder, call ``phiz clean``, and read the tables that it writes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, row in names.items():
            path = Path(folder, "set", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(faces.paths[row], path)
        tree, out = (str(Path(folder, name)) for name in ("set", "out"))
        command = [sys.executable, "-m", "phiz", "clean", tree, "--out", out, "--pages", "1"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if not Path(out, "ranking.csv").exists():
            raise SystemExit(done.stderr)
        with open(Path(out, "ranking.csv"), newline="") as file:
            ranking = [row["picture"] for row in csv.DictReader(file)]
        with open(Path(out, "proposals.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
    merges = [(row["identity"], row["target"]) for row in rows if row["kind"] == "merge"]
    return ranking, {row["picture"] for row in rows if row["kind"] == "label"}, merges


def numbered(
    found: Found, names: dict[str, int], spoiled: Spoiled, same: set[frozenset[int]]
) -> Lists:
    """Return names as numbers of pictures and of labels, without merges of ``same`` people."""
    label_of = {identity_of(name): int(spoiled.labels[row]) for name, row in names.items()}
    before = {max(pair): min(pair) for pair in spoiled.pairs}
    ranking, proposed, merges = found
    pairs = [frozenset(label_of[name] for name in pair) for pair in merges]
    return Lists(
        [names[name] for name in ranking],
        {names[name] for name in proposed},
        [pair for pair in pairs if frozenset(before.get(one, one) for one in pair) not in same],
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("people", type=Path)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--readings", default=",".join(READINGS))
    parser.add_argument("--command", type=int, default=0, metavar="N")
    parser.add_argument("--same", nargs="+", default=[], metavar="NAME=NAME")
    options = parser.parse_args()
    faces = (read_folder if options.people.is_dir() else read_table)(options.people)
    large = np.bincount(faces.identity) >= LEAST
    print(
        f"{len(faces.paths)} pictures of {len(faces.names)} people, "
        f"{large[faces.identity].sum()} of {large.sum()} people with at least {LEAST}"
    )
    print(
        "reading             flips in 5 %  proposed  in as many  no face  splits first  in 5 x  "
        "seconds",
        flush=True,
    )
    number = {name: index for index, name in enumerate(faces.names)}
    same = {frozenset(number[name] for name in pair.split("=")) for pair in options.same}
    passed = True
    for reading in options.readings.split(","):
        ways = {reading: (judged, options.seeds)}
        if options.command:
            ways |= {
                f"{reading}, {options.command}": (judged, options.command),
                f"{reading} called": (called, options.command),
            }
        for name, (way, seeds) in ways.items():
            start, count = time.perf_counter(), Count()
            for seed in range(seeds):
                spoiled = spoil(faces.identity, reading, np.random.default_rng(seed))
                names = file_names(faces, spoiled.labels)
                count.add(spoiled, numbered(way(faces, names), names, spoiled, same))
            count.seconds = time.perf_counter() - start
            print(count.line(name), flush=True)
            passed = passed and (reading != "kept" or count.passed)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
