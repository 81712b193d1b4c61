"""phiz identify."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.cli.detect import Draw
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.enrolment import Enrolment
    from phiz.identification import Identifications, References
    from phiz.pipeline import Recipe
    from phiz.table import FaceTable

NAME = "identify"
HELP = """Who is in these pictures? Compares every face with pictures of known people.

REFERENCES holds a folder per person, named after them, with pictures of that person only. The
nearest references vote; a face that is like none of them, or like several people, is unknown.

Results are remembered by picture content and model: an interrupted run goes on where it stopped.

Example: phiz identify friends/ holiday/ --draw named/
"""

_NEIGHBOURS = 5  # phiz.identification.NEIGHBOURS, known here without importing NumPy
_TOLERATED = 0.01  # of strangers given a name, without a warning


def main(
    references: Annotated[Path, typer.Argument(help="A folder with a folder for each person.")],
    pictures: common.Pictures,
    threshold: Annotated[
        float | None,
        typer.Option(help="Unknown unless a reference is closer; default: the model's own (0.6)."),
    ] = None,
    calibration: common.CalibrationFile = None,
    neighbours: Annotated[
        int, typer.Option(min=1, help="How many of the nearest references vote.")
    ] = _NEIGHBOURS,
    top: Annotated[int, typer.Option(min=1, help="How many candidates to print.")] = 3,
    draw: Draw = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: common.LandmarkName = "dlib-landmarks-5",
    descriptor: common.DescriptorName = "dlib-face-resnet-v1",
    precision: common.Precision = "float32",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    jitter: common.Jitter = 0,
    as_json: common.AsJson = False,
    as_csv: common.AsCsv = False,
    cache: common.Cached = True,
    parquet: common.Parquet = None,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    if as_json and as_csv:
        raise OptionError("give either --json or --csv, not both")
    if threshold is not None and not threshold > 0:
        raise OptionError(f"--threshold: wanted a number above 0, found {threshold}")
    given = common.limit(threshold, calibration)
    target = common.parquet_file(parquet)
    people = _people(references)
    found = common.find_pictures(pictures, skip=draw)
    models = (detector, landmarks, descriptor)
    common.ensure_models(models)
    from phiz.calibration import threshold_of
    from phiz.cli.drawing import Drawer
    from phiz.identification import identify
    from phiz.pipeline import make_recipe

    recipe = make_recipe(
        *models,
        upsample=upsample,
        threshold=score,
        jitter=jitter,
        max_pixels=max_pixels,
        precision=precision,
    )
    drawer = Drawer(draw, found) if draw else None
    enrolment, failed = _enrolled(people, recipe, cached=cache)
    known = enrolment.references
    limit = threshold_of(given, known.descriptors, gallery=len(known))
    _warn_of_strangers(known, limit, neighbours)
    out = _Csv(min(top, len(known.people))) if as_csv else _Json() if as_json else _Text()
    count, named = common.Counted(), 0
    with target as keep:
        for table, count in common.analysed(found, recipe, "identifying faces", cached=cache):  # noqa: B007
            answers = identify(known, table, neighbours=neighbours, threshold=limit, top=top)
            named += int(answers.known.sum())
            out.write(_record(table, answers))
            keep(replace(table, attributes=answers.columns()))
            if drawer:
                captions = [name or "unknown" for name in answers.names]
                drawer.draw(table, captions, max_pixels=max_pixels)
    typer.echo(f"phiz: {count}; {named} of known people", err=True)
    return 1 if failed else count.exit_code()


def _people(folder: Path) -> dict[Path, str]:
    """Return whose each reference picture is; pictures that lie in no person's folder are named."""
    if not folder.is_dir():
        raise OptionError(f"{folder}: wanted a folder with a folder for each person")
    people = {}
    for path in common.find_pictures([folder]):
        inside = path.relative_to(folder).parts
        if len(inside) > 1:
            people[path] = inside[0]
        else:
            typer.echo(f"phiz: {path}: left out, it is in no person's folder", err=True)
    if not people:
        raise OptionError(f"{folder}: wanted a folder for each person, found pictures only")
    return people


def _enrolled(people: dict[Path, str], recipe: Recipe, *, cached: bool) -> tuple[Enrolment, int]:
    """Describe the references; returns them, and how many pictures could not be read."""
    from phiz.enrolment import enrol

    count = common.Counted()

    def tables() -> Iterator[tuple[str, FaceTable]]:
        nonlocal count
        analysed = common.analysed(list(people), recipe, "describing references", cached=cached)
        for name, (table, so_far) in zip(people.values(), analysed, strict=True):
            count = so_far
            yield name, table

    enrolment = enrol(tables())
    for warning in enrolment.warnings:
        typer.echo(f"phiz: {warning}", err=True)
    known = enrolment.references
    faces = common.plural(len(known), "reference face")
    typer.echo(f"phiz: {faces} of {common.plural(len(known.people), 'person', 'people')}", err=True)
    return enrolment, count.failed


def _warn_of_strangers(known: References, threshold: float, neighbours: int) -> None:
    """Say how many strangers would be given a name, if that is more than a few."""
    from phiz.identification import strangers

    others = strangers(known, neighbours=neighbours)
    if others is None:
        return
    part, low, high = others.rate(threshold)
    if part <= _TOLERATED:
        return
    steps = [float(f"{threshold * step / 60:.4g}") for step in range(1, 60)]
    better = others.threshold_at(_TOLERATED, steps)
    typer.echo(
        f"phiz: at the threshold {threshold:g} about {part:.1%} of strangers "
        f"(95 %: {low:.1%} to {high:.1%}) would be called by one of these names: "
        f"{others.named(threshold)} of {len(others)} people here were, when their own pictures "
        "were left out"
        + ("" if better is None else f"; --threshold {better:g} would be {_TOLERATED:.0%} or less"),
        err=True,
    )


def _record(table: FaceTable, answers: Identifications) -> dict[str, Any]:
    """Return what is printed of a picture, ready for JSON."""
    (record,) = table.records()
    names = answers.names
    for row, face in enumerate(record.get("faces", [])):
        face.pop("descriptor")
        candidates = zip(
            answers.candidates[row].tolist(), answers.candidate_distances[row], strict=True
        )
        face |= {
            "name": names[row],
            "distance": _short(answers.distances[row]),
            "margin": _short(answers.margins[row]),
            "share": _short(answers.shares[row]),
            "candidates": [{"name": name, "distance": _short(apart)} for name, apart in candidates],
        }
    return record


def _short(value: Any) -> float | None:
    """Round to six digits, more than models agree on; None for infinity, which JSON lacks."""
    return None if value == float("inf") else float(f"{float(value):.6g}")


class _Json:
    """Prints one line per picture."""

    def write(self, record: dict[str, Any]) -> None:
        typer.echo(json.dumps(record, ensure_ascii=False))


class _Text:
    """Prints for people."""

    def write(self, record: dict[str, Any]) -> None:
        if "error" in record:
            return
        faces = record["faces"]
        found = common.plural(len(faces), "face") if faces else "no faces"
        typer.echo(f"{record['path']}: {found}")
        for face in faces:
            x0, y0, x1, y1 = (f"{side:g}" for side in face["box"])
            near = ", ".join(f"{one['name']} {one['distance']:.3f}" for one in face["candidates"])
            typer.echo(f"  {x0} {y0} {x1} {y1}  {face['name'] or 'unknown'}  ({near})")


class _Csv:
    """Prints one row per face; an unknown one has no name.

    candidates: how many have columns.
    """

    def __init__(self, candidates: int) -> None:
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        head = ["path", "width", "height", "face", "x0", "y0", "x1", "y1", "score", "label"]
        head += ["name", "distance", "margin", "share"]
        more = [f"{part}{i}" for i in range(candidates) for part in ("candidate", "distance")]
        self._rows.writerow([*head, *more])

    def write(self, record: dict[str, Any]) -> None:
        for rank, face in enumerate(record.get("faces", [])):
            near = [cell for one in face["candidates"] for cell in (one["name"], one["distance"])]
            margin = "" if face["margin"] is None else face["margin"]
            self._rows.writerow(
                [record["path"], record["width"], record["height"], rank, *face["box"],
                 face["score"], face["label"] or "", face["name"] or "", face["distance"], margin,
                 face["share"], *near]
            )  # fmt: skip
