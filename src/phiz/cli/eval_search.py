"""What ``phiz eval identify`` and ``phiz eval clusters`` compute, print and write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from phiz.cli import common
from phiz.cli.eval_report import ErrorPair, Page, columns, number, ranged, write_reports
from phiz.evaluation.blocks import Hardest
from phiz.evaluation.identification import (
    Searches,
    fnir_at_fpir,
    hits_at,
    identify_probes,
    rank_rate,
    search_curve,
)
from phiz.evaluation.intervals import Interval, rate_interval
from phiz.evaluation.scores import HARDEST, Histogram, interval_record

if TYPE_CHECKING:
    from phiz.checks import F64, I64
    from phiz.evaluation.cluster_scores import Agreement, ClusterScores
    from phiz.evaluation.faces import DescribedFaces
    from phiz.evaluation.listings import LabelledFaces, People

__all__ = ["report_clusters", "report_searches", "searched"]

FPIRS = (1e-1, 1e-2, 1e-3)
RANKS = (1, 5, 10, 20)
_BINS = 80


@dataclass(frozen=True, slots=True, eq=False)
class SearchScore:
    """What a model's searches came to.

    gallery, probes: (n,) int64, pictures.  people: how many the gallery has.
    """

    model: str
    threshold: float | None
    searches: Searches
    gallery: I64
    probes: I64
    people: int

    def fnir(self, threshold: float) -> Interval | None:
        """Return the FNIR at a threshold, with its interval."""
        people = self.searches.people[self.searches.mated]
        return rate_interval(~hits_at(self.searches, threshold), _alone(people))

    def fpir(self, threshold: float) -> Interval | None:
        """Return the FPIR at a threshold, with its interval."""
        others = ~self.searches.mated
        hits = self.searches.distances[others] < threshold
        return rate_interval(hits, _alone(self.searches.people[others]))


def _alone(people: I64) -> I64:
    """Return people as pairs of each with itself: a search is one person's."""
    return np.stack([people, people], axis=1)


def searched(
    faces: DescribedFaces, known: People, asked: People, threshold: float | None
) -> SearchScore:
    """Search for the probes' faces among the gallery's; pictures are numbered gallery first."""
    numbers = {name: number for number, name in enumerate(known.names)}
    unknown = {
        name: len(numbers) + place
        for place, name in enumerate(name for name in asked.names if name not in numbers)
    }
    numbers |= unknown
    of_probes = np.array([numbers[name] for name in asked.names], np.int64)[asked.people]
    who = np.concatenate([known.people, of_probes])[faces.rows]
    in_gallery = faces.rows < len(known.pictures)
    with common.counting(int((~in_gallery).sum()), "searching") as step:
        searches = identify_probes(
            faces.vectors[in_gallery], who[in_gallery], faces.vectors[~in_gallery],
            who[~in_gallery], metric=faces.metric, progress=common.totals(step),
        )  # fmt: skip
    limit = faces.threshold if threshold is None else threshold
    return SearchScore(
        faces.model, limit, searches, faces.rows[in_gallery], faces.rows[~in_gallery],
        len(np.unique(who[in_gallery])),
    )  # fmt: skip


def _known(score: SearchScore) -> int:
    return int(score.searches.mated.sum())


def _rows(scores: Sequence[SearchScore]) -> list[list[str]]:
    def at_fpir(score: SearchScore, fpir: float) -> str:
        found = fnir_at_fpir(score.searches, fpir)
        if found is None:
            return "unsupported"
        return f"{ranged(score.fnir(found[1]))} below {found[1]:g}"

    def ranked(score: SearchScore, rank: int) -> str:
        return number(rank_rate(score.searches, rank))

    def at_threshold(score: SearchScore, rate: str) -> str:
        if score.threshold is None:
            return "unsupported"
        return ranged(getattr(score, rate)(score.threshold))

    return [
        ["", *(score.model for score in scores)],
        ["people in the gallery", *(str(score.people) for score in scores)],
        ["faces in the gallery", *(str(len(score.gallery)) for score in scores)],
        ["probes of known people", *(str(int(score.searches.mated.sum())) for score in scores)],
        [
            "probes of unknown people",
            *(str(int((~score.searches.mated).sum())) for score in scores),
        ],
        *([f"FNIR at FPIR {fpir:g}", *(at_fpir(each, fpir) for each in scores)] for fpir in FPIRS),
        *([f"rank {rank}", *(ranked(score, rank) for score in scores)] for rank in RANKS),
        ["threshold", *(number(score.threshold) for score in scores)],
        ["  FNIR", *(at_threshold(score, "fnir") for score in scores)],
        ["  FPIR", *(at_threshold(score, "fpir") for score in scores)],
    ]


def _record(score: SearchScore) -> dict[str, Any]:
    limit = score.threshold
    at_fpir = {}
    for fpir in FPIRS:
        found = fnir_at_fpir(score.searches, fpir)
        fnir = None if found is None else score.fnir(found[1])
        chosen = None if found is None or not np.isfinite(found[1]) else found[1]
        at_fpir[f"{fpir:g}"] = interval_record(fnir) | {"threshold": chosen}
    return {
        "model": score.model,
        "threshold": limit,
        "gallery_people": score.people,
        "gallery_faces": len(score.gallery),
        "probes_known": _known(score),
        "probes_unknown": len(score.probes) - _known(score),
        "fnir_at_fpir": at_fpir,
        "rank": {str(rank): rank_rate(score.searches, rank) for rank in RANKS},
        "fnir": interval_record(None if limit is None else score.fnir(limit)),
        "fpir": interval_record(None if limit is None else score.fpir(limit)),
    }


def _histogram(score: SearchScore) -> Histogram:
    """Return how near people of the gallery and strangers come to it."""
    searches = score.searches
    edges = np.linspace(0, max(float(searches.distances.max(initial=0)), 1e-9), _BINS + 1)
    own, others = (
        np.histogram(part, edges)[0].astype(np.int64)
        for part in (searches.own[searches.mated], searches.distances[~searches.mated])
    )
    return Histogram(edges, own, others)


def _worst(score: SearchScore) -> dict[str, Hardest]:
    """Return the strangers that come nearest, and the known people that find somebody else."""
    searches = score.searches

    def hardest(rows: I64, distances: F64) -> Hardest:
        chosen = rows[np.argsort(distances[rows], kind="stable")[:HARDEST]]
        nearest = score.gallery[searches.nearest[chosen]]
        return Hardest(score.probes[chosen], nearest, distances[chosen])

    return {
        "Unknown people, nearest to somebody first": hardest(
            np.flatnonzero(~searches.mated), searches.distances
        ),
        "Known people who are nearer to somebody else": hardest(
            np.flatnonzero(searches.mated & ~searches.right), searches.distances
        ),
    }


def report_searches(
    scores: Sequence[SearchScore],
    found: Sequence[DescribedFaces],
    pictures: Sequence[str],
    out: Path | None,
    as_json: bool,
    max_pixels: int,
) -> None:
    """Print what searches came to, and write the reports."""
    from phiz.cli.eval import error_pairs

    rows = _rows(scores)
    if as_json:
        for score in scores:
            record = {"schema": 1, "command": "eval identify", **_record(score)}
            typer.echo(json.dumps(record))
    else:
        typer.echo(columns(rows))
    if out is None:
        return
    paths = [Path(name) for name in pictures]
    errors: dict[str, list[ErrorPair]] = {}
    for score, faces in zip(scores, found, strict=True):
        for heading, worst in _worst(score).items():
            pairs = error_pairs(worst, faces, paths, "distance")
            errors[f"{score.model}: {heading}"] = pairs
    page = Page(
        "phiz eval identify",
        {"schema": 1, "command": "eval identify", "models": [_record(score) for score in scores]},
        rows,
        {score.model: search_curve(score.searches) for score in scores},
        {score.model: (_histogram(score), score.threshold) for score in scores},
        errors,
    )
    write_reports(out, page, max_pixels=max_pixels)


def _agreement(found: Agreement) -> dict[str, float]:
    return {"precision": found.precision, "recall": found.recall, "f": found.f}


def _mixed(truth: LabelledFaces) -> dict[str, list[ErrorPair]]:
    """Return pictures of two people with one label, and of one person with two labels."""
    kinds = (
        ("Different people, one label", truth.labels, truth.people),
        ("One person, different labels", truth.people, truth.labels),
    )
    found = {}
    for heading, together, apart in kinds:
        order = np.lexsort((apart, together))
        one, other = order[:-1], order[1:]
        # Neighbours in this order that differ: one pair for each two groups that meet.
        meet = (together[one] == together[other]) & (apart[one] != apart[other])
        found[heading] = [
            ErrorPair(truth.pictures[a], truth.pictures[b], None, None, "")
            for a, b in zip(
                one[meet][:HARDEST].tolist(), other[meet][:HARDEST].tolist(), strict=True
            )
        ]
    return found


def report_clusters(
    scores: ClusterScores,
    truth: LabelledFaces,
    title: str,
    out: Path | None,
    as_json: bool,
    max_pixels: int,
) -> None:
    """Print what a clustering is worth, and write the reports."""
    record = {
        "schema": 1,
        "command": "eval clusters",
        "faces": scores.faces,
        "people": scores.people,
        "clusters": scores.clusters,
        "pairwise": _agreement(scores.pairwise),
        "bcubed": _agreement(scores.bcubed),
        "faces_left_out": truth.spare,
        "pictures_outside": truth.outside,
    }
    rows = [["", "precision", "recall", "F"]]
    for name, found in (("pairwise", scores.pairwise), ("BCubed", scores.bcubed)):
        rows.append([name, number(found.precision), number(found.recall), number(found.f)])
    if as_json:
        typer.echo(json.dumps(record))
    else:
        counts = f"{scores.faces} faces of {common.plural(scores.people, 'person', 'people')}"
        typer.echo(f"{counts} in {common.plural(scores.clusters, 'cluster')}")
        typer.echo(columns(rows))
    if truth.spare:
        typer.echo(f"phiz: {truth.spare} further faces of the same pictures left out", err=True)
    if truth.outside:
        typer.echo(f"phiz: {truth.outside} pictures in no person's folder left out", err=True)
    if out is not None:
        page = Page(f"phiz eval clusters: {title}", record, rows, {}, {}, _mixed(truth))
        write_reports(out, page, max_pixels=max_pixels)
