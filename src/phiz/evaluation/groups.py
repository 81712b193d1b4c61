"""The same error rates for each group of people: ethnicity, sex, age band, camera ...

False matches are counted among pairs of one group, where they are most frequent (NISTIR 8280,
sections 4 and 5), all at one threshold.  Its differentials are ratios of rates between groups.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.errors import OptionError
from phiz.evaluation.intervals import Interval
from phiz.evaluation.listings import text_lines
from phiz.evaluation.scores import PairScore, interval_record

__all__ = ["GroupScore", "Groups", "group_scores", "read_groups"]

FEWEST_PEOPLE = 30
FEWEST_ERRORS = 10
_WIDTH = 2 * 1.96  # standard deviations in an interval
_MOST_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Groups:
    """Which group a person, or a picture, is in.

    by: "person" or "picture".  columns: for each kind of group, such as "sex", the group of each
    name.  A name that is not there is in no group.
    """

    by: str
    columns: Mapping[str, Mapping[str, str]]

    def of(self, column: str, pictures: Sequence[str]) -> NDArray[np.str_]:
        """Return the group of each picture, (n,); "" for none.

        pictures: relative names; a person is the first folder of one.
        """
        known = self.columns[column]
        keys = (name if self.by == "picture" else PurePosixPath(name).parts[0] for name in pictures)
        return np.array([known.get(key, "") for key in keys], np.str_)


@dataclass(frozen=True, slots=True)
class GroupScore:
    """What one group's pairs say, at the threshold of all.

    column, group: such as "sex" and "female".  score: of the pairs within the group.
    fmr_ratio, fnmr_ratio: its rates over those of the reference group, with intervals; None where
        one of the two has no errors or no pairs.
    warnings: why its numbers are to be taken with care.
    """

    column: str
    group: str
    score: PairScore
    fmr_ratio: Interval | None
    fnmr_ratio: Interval | None
    reference: bool
    warnings: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        return {
            "column": self.column,
            "group": self.group,
            "reference": self.reference,
            "people": self.score.people,
            "pictures": self.score.pictures,
            "genuine_pairs": self.score.curve.genuine_total,
            "impostor_pairs": self.score.curve.impostor_total,
            "threshold": self.score.threshold,
            "false_match_rate": interval_record(self.score.fmr),
            "false_non_match_rate": interval_record(self.score.fnmr),
            "false_match_ratio": interval_record(self.fmr_ratio),
            "false_non_match_ratio": interval_record(self.fnmr_ratio),
            "auc": interval_record(self.score.intervals.auc),
            "warnings": list(self.warnings),
        }


def read_groups(path: Path) -> Groups:
    """Read groups from a CSV file whose header is ``person`` or ``picture``, then their kinds.

    A person is the name of a folder, a picture a name as in the list or the folder.  An empty cell
    puts nobody anywhere.  Raises OptionError with the line that is wrong.
    """
    try:
        lines = text_lines(path)
    except OSError as error:
        raise OptionError(f"{path}: {error.strerror or error}") from error
    rows = csv.reader(lines)
    try:
        head = [name.strip() for name in next(rows, [])]
        if len(head) < 2 or head[0].lower() not in ("person", "picture"):
            raise OptionError(
                f"{path}, line 1: wanted a header person,... or picture,..., "
                f"found {','.join(head) or 'nothing'}"
            )
        if len(set(head)) < len(head) or not all(head):
            raise OptionError(f"{path}, line 1: wanted each column once, with a name")
        columns: dict[str, dict[str, str]] = {name: {} for name in head[1:]}
        for row in rows:
            if not row:
                continue
            if len(row) != len(head):
                raise OptionError(
                    f"{path}, line {rows.line_num}: wanted {len(head)} columns, found {len(row)}"
                )
            key = row[0].strip()
            for name, cell in zip(head[1:], row[1:], strict=True):
                if columns[name].setdefault(key, cell.strip()) != cell.strip():
                    raise OptionError(
                        f"{path}, line {rows.line_num}: {key!r} is said to be both "
                        f"{columns[name][key]!r} and {cell.strip()!r}"
                    )
    except csv.Error as error:
        raise OptionError(f"{path}, line {rows.line_num}: {error}") from error
    for name, known in columns.items():
        if len(set(known.values())) > _MOST_GROUPS:
            raise OptionError(f"{path}: {name}: wanted at most {_MOST_GROUPS} groups")
    return Groups(head[0].lower(), MappingProxyType(columns))


def group_scores(
    groups: Groups,
    pictures: Sequence[str],
    score: Callable[[NDArray[np.bool_]], PairScore | None],
    *,
    reference: str | None = None,
) -> list[GroupScore]:
    """Score each group by itself.

    pictures: their relative names.  score: gives the score of the pairs whose both pictures are
        chosen, by a mask (n,), or None if there are none.
    reference: the group that others are compared with; by default the one of each kind with most
        impostor pairs.

    Raises OptionError where no picture is in any group, or nowhere in the reference.
    """
    found: list[GroupScore] = []
    known = False
    for column in groups.columns:
        which = groups.of(column, pictures)
        scores = {
            str(group): scored
            for group in np.unique(which[which != ""])
            if (scored := score(which == group)) is not None
        }
        if not scores:
            continue
        most = max(scores, key=lambda group: scores[group].curve.impostor_total)
        known |= reference in scores
        against = scores[reference if reference in scores and reference is not None else most]
        for group, mine in scores.items():
            found.append(
                GroupScore(
                    column,
                    group,
                    mine,
                    _ratio(mine.fmr, against.fmr),
                    _ratio(mine.fnmr, against.fnmr),
                    mine is against,
                    _warnings(mine),
                )
            )
    if not found:
        raise OptionError(f"groups: none of the pictures is in one, such as {pictures[0]!r}")
    if reference is not None and not known:
        raise OptionError(f"groups: the reference {reference!r} is no group with pairs")
    return found


def _ratio(mine: Interval | None, other: Interval | None) -> Interval | None:
    """Return the ratio of two rates of different people, with its interval.

    The spreads of their logarithms, which their own intervals tell, add up as squares.
    """
    if mine is None or other is None:
        return None
    if not (mine.value > 0 and mine.low > 0 and other.value > 0 and other.low > 0):
        return None
    if mine is other:
        return Interval(1.0, 1.0, 1.0)
    spread = math.hypot(*(math.log(each.high / each.low) / _WIDTH for each in (mine, other)))
    ratio = mine.value / other.value
    reach = math.exp(_WIDTH / 2 * spread)
    return Interval(ratio, ratio / reach, ratio * reach)


def _warnings(score: PairScore) -> tuple[str, ...]:
    said = []
    if score.people < FEWEST_PEOPLE:
        said.append(f"only {score.people} people")
    at = score.at
    if at is not None:
        for count, total, name in (
            (at.false_matches, at.impostor, "false matches"),
            (at.false_non_matches, at.genuine, "false non-matches"),
        ):
            if not total:
                said.append(f"no pairs that could be {name}")
            elif count < FEWEST_ERRORS:
                said.append(f"only {count} {name}")
    return tuple(said)
