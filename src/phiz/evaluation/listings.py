"""What is to be compared with what: lists of pairs, folders of people, labels."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phiz.checks import F64, I64
from phiz.errors import OptionError
from phiz.evaluation.trials import Trials
from phiz.imaging import is_picture_name

__all__ = [
    "FacePairs",
    "LabelledFaces",
    "People",
    "lfw_pairs",
    "people_folder",
    "read_labels",
    "read_pairs",
    "text_lines",
    "truth_of_labels",
]

_LARGEST = 1 << 30  # bytes of a list
_SAME = {"1": True, "true": True, "yes": True, "same": True,
         "0": False, "false": False, "no": False, "different": False}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Pictures of people.

    pictures: their names, relative to the folder.  people: (n,) int64, who each is of, as an index
    into ``names``.
    """

    pictures: tuple[str, ...]
    people: I64
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FacePairs:
    """Pairs of pictures whose truth is known.

    pictures: every picture that is named, once.  sides: (n, 2) int64, indices into them.
    same: (n,) bool.  people: (n, 2) int64, who is on either side.  folds: (n,) int64, or None.
    """

    pictures: tuple[str, ...]
    sides: I64
    same: NDArray[np.bool_]
    people: I64
    folds: I64 | None

    def __len__(self) -> int:
        return len(self.same)

    def trials(self, distances: F64, rows: I64 | None = None) -> Trials:
        """Return the pairs, or some of them, with their distances."""
        chosen = np.arange(len(self)) if rows is None else rows
        folds = None if self.folds is None else self.folds[chosen]
        return Trials(distances, self.same[chosen], self.people[chosen], folds)


def text_lines(path: Path) -> list[str]:
    """Return the lines of a list, UTF-8; OptionError for one that is too large or no such text."""
    size = path.stat().st_size
    if size > _LARGEST:
        raise OptionError(f"{path}: wanted at most {_LARGEST} bytes, found {size}")
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise OptionError(f"{path} @ byte {error.start}: wanted text in UTF-8") from error


def _wanted(path: Path, line: int, want: str, found: object) -> OptionError:
    return OptionError(f"{path}, line {line}: wanted {want}, found {found!r}")


class _Names:
    """Numbers names by first appearance."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))


def _count(path: Path, line: int, text: str, want: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise _wanted(path, line, want, text)
    return int(text)


def lfw_pairs(path: Path) -> FacePairs:
    """Read a list in the format of LFW.

    First line: the number of folds and of pairs of each kind in one, or only that number for one
    fold.  Then in each fold lines ``name a b`` of one person, then lines ``name a other b`` of two,
    separated by tabs or spaces.  Picture b of name is ``name/name_000b.jpg``.

    Raises OptionError with the line that is wrong.  Source: LFW, README of pairs.txt.
    """
    lines = text_lines(path)
    head = lines[0].split() if lines else []
    if len(head) not in (1, 2):
        raise _wanted(path, 1, "numbers of folds and pairs", lines[0] if lines else "")
    numbers = [_count(path, 1, part, "a number") for part in head]
    folds, each = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
    wanted = 2 * folds * each
    rows = [(number, line) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    if len(rows) != wanted or not wanted:
        raise OptionError(f"{path}: wanted {wanted} pairs as line 1 says, found {len(rows)}")
    pictures, persons = _Names(), _Names()
    sides, people, same = [], [], []
    for place, (number, line) in enumerate(rows):
        parts, genuine = line.split(), place // each % 2 == 0
        if len(parts) != (3 if genuine else 4):
            form = "name, number, number" if genuine else "name, number, name, number"
            raise _wanted(path, number, form, line)
        names = (parts[0], parts[0] if genuine else parts[2])
        if not genuine and names[0] == names[1]:
            raise _wanted(path, number, "two people", line)
        for name in names:
            if name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
                raise _wanted(path, number, "a person's name", name)
        takes = [_count(path, number, part, "a picture's number") for part in (parts[1], parts[-1])]
        both = zip(names, takes, strict=True)
        sides.append([pictures(f"{name}/{name}_{take:04d}.jpg") for name, take in both])
        people.append([persons(name) for name in names])
        same.append(genuine)
    numbers_of_folds = np.arange(wanted) // (2 * each) if len(head) == 2 else None
    return FacePairs(
        tuple(pictures.numbers), np.array(sides, np.int64), np.array(same, np.bool_),
        np.array(people, np.int64), numbers_of_folds,
    )  # fmt: skip


def _joined(sides: I64, same: NDArray[np.bool_], count: int) -> I64:
    """Return who is on every picture (count,): those that pairs call the same are one person."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in sides[same].tolist():
        parent[root(one)] = root(other)
    roots = np.array([root(node) for node in range(count)], np.int64)
    return np.unique(roots, return_inverse=True)[1].reshape(-1)


def read_pairs(path: Path) -> FacePairs:
    """Read pairs from a CSV file with a header: left, right, same, and perhaps fold.

    same: 1, true, yes or same; 0, false, no or different.  fold: any text.  Who is on a picture is
    not said: pictures are of one person where pairs that are the same lead from one to the other.

    Raises OptionError with the line that is wrong, also for a pair of two whom others make one.
    """
    lines = text_lines(path)
    rows = csv.reader(lines)
    try:
        head = [name.strip().lower() for name in next(rows, [])]
    except csv.Error as error:
        raise OptionError(f"{path}, line 1: {error}") from error
    missing = [name for name in ("left", "right", "same") if name not in head]
    if missing:
        raise _wanted(path, 1, f"a header left,right,same[,fold] with {missing[0]}", ",".join(head))
    at = {name: head.index(name) for name in ("left", "right", "same", "fold") if name in head}
    pictures, fold_names = _Names(), _Names()
    sides, same, folds, numbers = [], [], [], []
    for number, row in _numbered(path, rows):
        if len(row) != len(head):
            raise _wanted(path, number, f"{len(head)} columns", len(row))
        left, right, said = (row[at[name]].strip() for name in ("left", "right", "same"))
        if not left or not right:
            raise _wanted(path, number, "two names of pictures", ",".join(row))
        if said.lower() not in _SAME:
            raise _wanted(path, number, "same: 1 or 0", said)
        sides.append((pictures(left), pictures(right)))
        same.append(_SAME[said.lower()])
        numbers.append(number)
        if "fold" in at:
            folds.append(fold_names(row[at["fold"]].strip()))
    if not sides:
        raise OptionError(f"{path}: wanted pairs, found none")
    ends, truth = np.array(sides, np.int64), np.array(same, np.bool_)
    people = _joined(ends, truth, len(pictures.numbers))[ends]
    wrong = np.flatnonzero((people[:, 0] == people[:, 1]) & ~truth)
    if len(wrong):
        raise OptionError(
            f"{path}, line {numbers[wrong[0]]}: said to be two people, "
            "but other lines make them one"
        )
    found = np.array(folds, np.int64) if "fold" in at else None
    return FacePairs(tuple(pictures.numbers), ends, truth, people, found)


def _numbered(path: Path, rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that are not empty with the line on which each ends."""
    try:
        for row in rows:
            if row:
                yield rows.line_num, row  # type: ignore[attr-defined]
    except csv.Error as error:
        raise OptionError(f"{path}, line {rows.line_num}: {error}") from error  # type: ignore[attr-defined]


def people_folder(folder: Path) -> People:
    """List the pictures of a folder with a folder for each person, however deep inside that."""
    if not folder.is_dir():
        raise OptionError(f"{folder}: wanted a folder with a folder for each person")
    pictures, people = [], []
    persons = _Names()
    for inside, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        parts = Path(inside).relative_to(folder).parts
        for name in sorted(files):
            if parts and is_picture_name(name):
                pictures.append(Path(*parts, name).as_posix())
                people.append(persons(parts[0]))
    if not pictures:
        raise OptionError(f"{folder}: wanted pictures in a folder for each person, found none")
    return People(tuple(pictures), np.array(people, np.int64), tuple(persons.numbers))


def _label_records(path: Path, lines: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise OptionError(f"{path}, line {number}: not JSON: {error}") from error
                if not isinstance(record, dict):
                    raise _wanted(path, number, "a JSON object", line[:50])
                yield number, {str(key): str(value) for key, value in record.items()}
        return
    rows = csv.reader(lines)
    head: list[str] | None = None
    for number, row in _numbered(path, rows):
        if head is None:
            head = [name.strip().lower() for name in row]
            continue
        if len(row) != len(head):
            raise _wanted(path, number, f"{len(head)} columns", len(row))
        yield number, dict(zip(head, row, strict=True))


def read_labels(path: Path) -> list[tuple[str, str, int]]:
    """Read (picture, label, face) from a table with columns path and label, and perhaps face.

    CSV with a header, as ``phiz cluster --csv`` writes; or JSON Lines, by the suffix .jsonl, .json
    or .ndjson, as ``phiz cluster --json`` does.  face: which of a picture's faces, 0 the best.
    """
    found = []
    for number, record in _label_records(path, text_lines(path)):
        missing = [name for name in ("path", "label") if name not in record]
        if missing:
            raise _wanted(path, number, f"a column {missing[0]}", ", ".join(record))
        face = record.get("face", "0").strip() or "0"
        found.append((record["path"], record["label"], _face(path, number, face)))
    if not found:
        raise OptionError(f"{path}: wanted labels, found none")
    return found


def _face(path: Path, line: int, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _wanted(path, line, "the number of a face", text)
    return int(text)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """Faces with their labels and their people.

    pictures: (n,) paths.  people, labels: (n,) int64.  spare: how many faces were left out because
    their picture has a better one.  outside: how many pictures are in no person's folder.
    """

    pictures: tuple[Path, ...]
    people: I64
    labels: I64
    spare: int
    outside: int


def truth_of_labels(labels: Sequence[tuple[str, str, int]], folder: Path) -> LabelledFaces:
    """Say who labelled faces are of, by a folder with a folder for each person.

    The folder says who is in a picture, not where: of several faces of a picture the best is taken
    for that person.
    """
    root = folder.resolve()
    persons, names = _Names(), _Names()
    best: dict[str, tuple[int, str]] = {}
    for name, label, face in labels:
        if name not in best or face < best[name][0]:
            best[name] = (face, label)
    pictures, people, groups, outside = [], [], [], 0
    for name, (_, label) in best.items():
        path = Path(name)
        if not path.is_absolute() and (root / path).exists():
            path = root / path
        try:
            parts = path.resolve().relative_to(root).parts
        except ValueError:
            parts = ()
        if len(parts) < 2:
            outside += 1
            continue
        pictures.append(path)
        people.append(persons(parts[0]))
        groups.append(names(label))
    if not people:
        raise OptionError(f"none of the labelled pictures is in a person's folder of {folder}")
    return LabelledFaces(
        tuple(pictures), np.array(people, np.int64), np.array(groups, np.int64),
        len(labels) - len(best), outside,
    )  # fmt: skip
