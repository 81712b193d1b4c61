"""Groups of people in ``phiz eval``: scored, and told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from phiz.cli.eval_report import columns, ranged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from phiz.evaluation.faces import DescribedFaces
    from phiz.evaluation.groups import Groups, GroupScore
    from phiz.evaluation.listings import FacePairs, People
    from phiz.evaluation.scores import PairScore

__all__ = ["folder_groups", "group_record", "group_tables", "pair_groups", "print_groups"]


def pair_groups(
    groups: Groups | None,
    pairs: FacePairs,
    faces: DescribedFaces,
    threshold: float | None,
    reference: str | None,
) -> list[GroupScore]:
    """Score the groups of listed pairs; none without groups."""
    from phiz.evaluation.groups import group_scores
    from phiz.evaluation.scores import score_pairs

    if groups is None:
        return []
    _, rows = faces.distances(pairs.sides)

    def score(chosen: NDArray[np.bool_]) -> PairScore | None:
        if not chosen[pairs.sides[rows]].all(axis=1).any():
            return None
        return score_pairs(pairs, faces, threshold=threshold, chosen=chosen)

    return group_scores(groups, pairs.pictures, score, reference=reference)


def folder_groups(
    groups: Groups | None,
    people: People,
    faces: DescribedFaces,
    threshold: float | None,
    reference: str | None,
) -> list[GroupScore]:
    """Score the groups of a folder per person; none without groups."""
    from phiz.evaluation.groups import group_scores
    from phiz.evaluation.scores import score_folder

    if groups is None:
        return []

    def score(chosen: NDArray[np.bool_]) -> PairScore | None:
        if chosen[faces.rows].sum() < 2:
            return None
        return score_folder(people.people, faces, threshold=threshold, chosen=chosen)

    return group_scores(groups, people.pictures, score, reference=reference)


def group_record(groups: Sequence[GroupScore]) -> dict[str, Any]:
    """Return the groups for JSON, if there are any."""
    return {"groups": [each.record() for each in groups]} if groups else {}


def _rows(groups: Sequence[GroupScore]) -> list[list[str]]:
    head = [
        "", "group", "people", "false match rate", "ratio", "false non-match rate", "ratio",
        "AUC", "care",
    ]  # fmt: skip
    body = [
        [
            each.column,
            each.group + (" (reference)" if each.reference else ""),
            str(each.score.people),
            ranged(each.score.fmr),
            ranged(each.fmr_ratio),
            ranged(each.score.fnmr),
            ranged(each.fnmr_ratio),
            ranged(each.score.intervals.auc),
            ", ".join(each.warnings),
        ]
        for each in groups
    ]
    return [head, *body]


def group_tables(
    scores: Sequence[PairScore], parts: Sequence[Sequence[GroupScore]]
) -> dict[str, list[list[str]]]:
    """Return a table of groups for each model that has any."""
    return {
        f"{score.model}: by group, at the threshold {score.threshold:g}": _rows(groups)
        for score, groups in zip(scores, parts, strict=True)
        if groups and score.threshold is not None
    }


def print_groups(scores: Sequence[PairScore], parts: Sequence[Sequence[GroupScore]]) -> None:
    """Print those tables."""
    for heading, rows in group_tables(scores, parts).items():
        typer.echo(f"{heading}\n{columns(rows)}")
