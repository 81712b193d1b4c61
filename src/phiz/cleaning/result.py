"""Where proposals begin, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phiz.checks import I64
from phiz.cleaning.labels import LabelRanking
from phiz.cleaning.proposals import Proposals, csv_text
from phiz.cleaning.tree import Tree, identity_of
from phiz.errors import OptionError
from phiz.table import FaceTable

__all__ = ["CleanOptions", "Cleaning"]


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """Where proposals begin.

    bits: pictures whose hashes differ in at most this many of 256 bits are the same picture.
    near: faces nearer than this part of the distance that tells two people apart are of the same
        photograph.
    merges: at most this many pairs of identities are proposed.
    smallest: faces with a shorter side, in pixels, are small.
    sharpest: faces with less sharpness are blurred; see :func:`phiz.cleaning.measures.sharpness`.

    Raises OptionError for numbers out of range.
    """

    bits: int = 40
    near: float = 0.35
    merges: int = 200
    smallest: float = 60
    sharpest: float = 20

    def __post_init__(self) -> None:
        ranges = {"bits": (0, 128), "near": (1e-3, 1), "merges": (0, 1_000_000),
                  "smallest": (0, 1e6), "sharpest": (0, 1e6)}  # fmt: skip
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise OptionError(f"{name}: wanted {low:g} to {high:g}, found {value}")


@dataclass(frozen=True, slots=True, eq=False)
class Cleaning:
    """What :func:`propose` found.

    tree: the data set.  table: every face of its pictures.
    proposals: what could be done.
    identities: names of the k identities.  faces: (p,) int64, the row of the face that stands for
    each picture, or -1.  ranked: (n,) int64, the pictures that have a face, as rows of ``labels``.
    labels: how surely each label is wrong.
    """

    tree: Tree
    table: FaceTable
    proposals: Proposals
    identities: tuple[str, ...]
    faces: I64
    ranked: I64
    labels: LabelRanking

    @property
    def ranking(self) -> list[str]:
        """Pictures with a face, from the most suspicious label to the least."""
        return [self.tree.pictures[index] for index in self.ranked[self.labels.order].tolist()]

    def ranking_csv(self) -> str:
        """Return the whole ranked list as CSV, with the numbers behind each score."""
        names = self.tree.pictures
        head = ["picture", "identity", "score", "own", "other", "nearest", "distance", "outside"]
        lines: list[list[object]] = [[*head, "x0", "y0", "x1", "y1"]]
        labels = self.labels
        for row in labels.order.tolist():
            index = int(self.ranked[row])
            numbers = (labels.score[row], labels.own[row], labels.other[row])
            nearest = int(labels.nearest[row])
            lines.append(
                [names[index], identity_of(names[index]),
                 *(f"{value:.6g}" if np.isfinite(value) else "" for value in numbers),
                 self.identities[nearest] if nearest >= 0 else "",
                 f"{labels.distance[row]:.6g}", int(labels.outside[row]),
                 *(f"{side:g}" for side in self.table.boxes[self.faces[index]].tolist())]
            )  # fmt: skip
        return csv_text(lines)
