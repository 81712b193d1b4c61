"""What could be done to a data set, each with a reason and a score: a frozen table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from phiz.errors import OptionError
from phiz.values import html_table

__all__ = ["KINDS", "SCHEMA", "Action", "Kind", "Proposal", "Proposals", "csv_text"]

SCHEMA = 1
"""Version of the JSON lines, and of the file of decisions."""

Kind: TypeAlias = Literal[
    "merge", "label", "duplicate", "near-duplicate", "unreadable", "no-face", "several-faces",
    "blur", "small",
]  # fmt: skip
Action: TypeAlias = Literal["keep", "move", "merge", "drop"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""Kinds of proposals, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something to look at.

    kind: what was noticed.  action: what is proposed; "keep" means "look at it".
    score: the higher the more worth looking at; its unit is the kind's, see the documentation.
    reason: a sentence for people.
    identity: the folder that it is about.
    picture: the picture, relative to the data set; "" where it is about the whole identity.
    other: a picture to compare with, or "".
    target: the identity to move to or to merge into, or "".
    box: ``x0 y0 x1 y1`` of the face that is meant, or None.
    values: the measured numbers, by name.
    """

    kind: Kind
    action: Action
    score: float
    reason: str
    identity: str
    picture: str = ""
    other: str = ""
    target: str = ""
    box: tuple[float, ...] | None = None
    values: Mapping[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return it as JSON can have it: numbers that are not finite are None."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "action": self.action,
            "score": _finite(self.score),
            "identity": self.identity,
            "picture": self.picture or None,
            "other": self.other or None,
            "target": self.target or None,
            "box": None if self.box is None else list(self.box),
            "reason": self.reason,
            "values": {name: _finite(value) for name, value in self.values.items()},
        }


def _finite(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


class Proposals(Sequence[Proposal]):
    """Proposals by kind, the highest score first in each."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[Proposal] = ()) -> None:
        place = {kind: number for number, kind in enumerate(KINDS)}
        self._rows = tuple(sorted(rows, key=lambda row: (place[row.kind], -row.score)))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return Proposals(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def of(self, kind: Kind) -> Proposals:
        """Return those of one kind."""
        if kind not in KINDS:
            raise OptionError(f"kind: wanted one of {', '.join(KINDS)}, found {kind!r}")
        return Proposals([row for row in self._rows if row.kind == kind])

    def counts(self) -> dict[Kind, int]:
        """Return how many there are of each kind that there is."""
        numbers = {kind: len(self.of(kind)) for kind in KINDS}
        return {kind: number for kind, number in numbers.items() if number}

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield one JSON-ready dictionary each."""
        for row in self._rows:
            yield row.record()

    def csv(self) -> str:
        """Return them as CSV: one column per field, the box and each measured number its own."""
        names = sorted({name for row in self._rows for name in row.values})
        head = ["kind", "action", "score", "identity", "picture", "other", "target"]
        lines: list[list[object]] = [[*head, "x0", "y0", "x1", "y1", *names, "reason"]]
        for row in self._rows:
            record = row.record()
            box = record["box"] or [""] * 4
            values = [record["values"].get(name, "") for name in names]
            lines.append([*(record[name] for name in head), *box, *values, row.reason])
        return csv_text(lines)

    def __repr__(self) -> str:
        found = ", ".join(f"{number} {kind}" for kind, number in self.counts().items())
        return f"Proposals({found or 'nothing to do'})"

    def _repr_html_(self) -> str:
        rows = [
            [row.kind, row.action, f"{row.score:.3f}", row.picture or row.identity, row.reason]
            for row in self._rows[:10]
        ]
        return html_table(
            repr(self), ["kind", "action", "score", "about", "reason"], rows, len(self)
        )


def csv_text(lines: Sequence[Sequence[object]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        ["" if cell is None else cell for cell in line] for line in lines
    )
    return text.getvalue()
