"""What classifiers answer: a number per label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phiz.checks import F32, I64, check
from phiz.errors import OptionError, ShapeError
from phiz.values import Rows, html_table

__all__ = ["Scores"]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The scores of a classifier, one row per face or picture.

    probs: (n, k) float32, softmax outputs; each row sums to 1.  They are the model's own and
        not calibrated: 0.9 need not be right nine times out of ten.
    labels: the k names, in the model's order.
    age: (n,) float32, years, not rounded; None for models that estimate none.
    age_apart: whether the age is an answer of its own, beside labels that stand for something
        else; otherwise it is the mean over labels that stand for years.
    """

    probs: F32
    labels: tuple[str, ...]
    age: F32 | None = None
    age_apart: bool = False

    def __post_init__(self) -> None:
        check(self.probs, (None, None), dtype=np.float32, name="probs")
        count, classes = self.probs.shape
        if len(self.labels) != classes:
            raise ShapeError(f"labels: wanted {classes} names, found {len(self.labels)}")
        if self.age is not None:
            check(self.age, (count,), dtype=np.float32, name="age")

    def __len__(self) -> int:
        return len(self.probs)

    def __getitem__(self, rows: Rows) -> Scores:
        age = None if self.age is None else self.age[rows]
        return Scores(self.probs[rows], self.labels, age, self.age_apart)

    @property
    def years(self) -> I64 | None:
        """(n,) int64, ``age`` rounded as C's ``lround``, or None."""
        if self.age is None:
            return None
        wide = self.age.astype(np.float64)  # in which a float32 plus a half is exact
        return np.asarray(np.copysign(np.floor(np.abs(wide) + 0.5), wide), np.int64)

    def order(self, k: int) -> I64:
        """Return the (n, min(k, classes)) int64 indices of the best labels, best first.

        Of equal scores the lower index comes first.  Raises OptionError for k below 1.
        """
        if k < 1:
            raise OptionError(f"k: wanted 1 or more, found {k}")
        return np.argsort(-self.probs, axis=1, kind="stable")[:, :k]

    def top(self, k: int = 5) -> list[list[tuple[str, float]]]:
        """Return for each row its k best (label, score), best first; see :meth:`order`."""
        return [
            [(self.labels[i], float(row[i])) for i in best]
            for row, best in zip(self.probs, self.order(k).tolist(), strict=True)
        ]

    def __repr__(self) -> str:
        what = "" if self.age is None else ", with ages"
        return f"Scores({len(self)} x {len(self.labels)} labels{what})"

    def _repr_html_(self) -> str:
        rows = []
        for number, best in enumerate(self[:10].top(3)):
            cells = [str(number), ", ".join(f"{label} {score:.3f}" for label, score in best)]
            rows.append(cells if self.age is None else [*cells, f"{self.age[number]:.1f}"])
        head = ["row", "best"] if self.age is None else ["row", "best", "age"]
        return html_table(repr(self), head, rows, len(self))
