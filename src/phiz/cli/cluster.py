"""phiz cluster."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.checks import I64
    from phiz.table import FaceTable

NAME = "cluster"
HELP = """Who is in these pictures? Groups all faces by person.

Results are remembered by picture content and model: an interrupted run goes on where it stopped.

Example: phiz cluster holiday/ --out people/   (then open people/report.html)
"""


def main(
    pictures: common.Pictures,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for report.html and labels.csv, or the name of the HTML file."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Faces closer than this are joined; default: the model's own (0.6)."),
    ] = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: common.LandmarkName = "dlib-landmarks-5",
    descriptor: common.DescriptorName = "dlib-face-resnet-v1",
    precision: common.Precision = "float32",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    jitter: common.Jitter = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line per face.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="labels.csv on standard output.")] = False,
    cache: Annotated[bool, typer.Option(help="Remember descriptors between runs.")] = True,
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
    folder, page = _targets(out)
    found = common.find_pictures(pictures, skip=folder)
    models = (detector, landmarks, descriptor)
    common.ensure_models(models)
    from phiz.clustering import cluster
    from phiz.pipeline import make_recipe
    from phiz.table import FaceTable

    recipe = make_recipe(
        *models,
        upsample=upsample,
        threshold=score,
        jitter=jitter,
        max_pixels=max_pixels,
        precision=precision,
    )
    tables = []
    count = common.Counted()
    for table, count in common.analysed(found, recipe, "describing faces", cached=cache):  # noqa: B007
        tables.append(table)
    table = FaceTable.concat(tables)
    with common.counting(len(table), "comparing faces") as step:
        done = 0

        def progress(rows: int) -> None:
            nonlocal done
            step(rows - done)
            done = rows

        labels = cluster(table, threshold=threshold, progress=progress)

    if as_json:
        for line in _json_lines(table, labels):
            typer.echo(line)
    elif as_csv:
        typer.echo(_labels_csv(table, labels), nl=False)
    else:
        _summary(table, labels)
    if folder and page:
        from phiz.cache import writing
        from phiz.cli.report import write_report

        limit = threshold if threshold is not None else float(table.threshold or 0)
        with writing(folder / "labels.csv") as file:
            file.write(_labels_csv(table, labels).encode())
        write_report(page, table, labels, limit, max_pixels=max_pixels)
        typer.echo(f"phiz: wrote {page} and {folder / 'labels.csv'}", err=True)
    typer.echo(f"phiz: {count}", err=True)
    return count.exit_code()


def _targets(out: Path | None) -> tuple[Path | None, Path | None]:
    """Return the folder of results and the page in it."""
    if out is None:
        return None, None
    if out.suffix.lower() in (".html", ".htm"):
        return out.parent, out
    if out.exists() and not out.is_dir():
        raise OptionError(f"--out {out}: wanted a folder or a name that ends in .html")
    return out, out / "report.html"


def _labels_csv(table: FaceTable, labels: I64) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["path", "face", "x0", "y0", "x1", "y1", "score", "label"])
    for i, source in enumerate(table.source):
        box = [f"{side:g}" for side in table.boxes[i].tolist()]
        rows.writerow([source, table.rank[i], *box, table.scores[i], labels[i]])
    return text.getvalue()


def _json_lines(table: FaceTable, labels: I64) -> list[str]:
    lines = []
    for i, source in enumerate(table.source):
        record = {
            "schema": 1,
            "path": source,
            "face": int(table.rank[i]),
            "face_id": table.face_id[i],
            "box": table.boxes[i].tolist(),
            "label": int(labels[i]),
        }
        lines.append(json.dumps(record, ensure_ascii=False))
    return lines


def _summary(table: FaceTable, labels: I64) -> None:
    """Print who was found, the most frequent first."""
    import numpy as np

    people, sizes = np.unique(labels, return_counts=True)
    for person in people[np.argsort(-sizes, kind="stable")]:
        rows = np.flatnonzero(labels == person)
        if len(rows) == 1:
            break
        names = sorted({table.source[i] for i in rows})
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        pictures = common.plural(len(names), "picture")
        typer.echo(f"person {person}: {len(rows)} faces in {pictures}: {shown}")
    single = int((sizes == 1).sum())
    often = common.plural(int((sizes > 1).sum()), "person", "people")
    typer.echo(f"{often} seen more than once, {single} seen once")
