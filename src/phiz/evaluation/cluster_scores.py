"""How well labels that a clustering gave agree with who the faces are of.

Everything follows from how many faces of each person have each label, so the cost is that of
sorting the labels, whatever the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phiz.checks import I64, check

__all__ = ["Agreement", "ClusterScores", "cluster_scores"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision and recall; 1 where there is nothing to be wrong about."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Their harmonic mean."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True)
class ClusterScores:
    """What a clustering is worth.

    pairwise: of the pairs of faces with one label, how many are of one person; of the pairs of one
        person, how many have one label.  Large clusters count most.
    bcubed: for each face, the share of its label's faces that are of its person, and of its
        person's faces that have its label, averaged over faces.
    faces, people, clusters: how many.

    Source: Amigo et al. 2009, "A comparison of extrinsic clustering evaluation metrics".
    """

    pairwise: Agreement
    bcubed: Agreement
    faces: int
    people: int
    clusters: int


def cluster_scores(people: I64, labels: I64) -> ClusterScores:
    """Compare labels (n,) int64 with people (n,) int64; any numbers, equal for one group."""
    check(people, (None,), dtype=np.int64, name="people")
    check(labels, (len(people),), dtype=np.int64, name="labels")
    _, person, of_person = np.unique(people, return_inverse=True, return_counts=True)
    _, label, of_label = np.unique(labels, return_inverse=True, return_counts=True)
    cells, both = np.unique(person * len(of_label) + label, return_counts=True)
    rows, columns = np.divmod(cells, max(len(of_label), 1))

    def pairs(counts: I64) -> int:
        return int((counts * (counts - 1) // 2).sum())

    def share(part: float, total: float) -> float:
        return part / total if total else 1.0

    right = pairs(both)
    squares = both.astype(np.float64) ** 2
    pairwise = Agreement(share(right, pairs(of_label)), share(right, pairs(of_person)))
    bcubed = Agreement(
        share(float((squares / of_label[columns]).sum()), len(people)),
        share(float((squares / of_person[rows]).sum()), len(people)),
    )
    return ClusterScores(pairwise, bcubed, len(people), len(of_person), len(of_label))
