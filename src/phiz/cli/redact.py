"""phiz redact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phiz.cli import common
from phiz.cli.colorize import Out, Targets
from phiz.cli.common import MAX_PIXELS
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.table import FaceTable

NAME = "redact"
HELP = """Write copies of pictures with every face covered.

Only faces that the detector finds are covered: look at the results, above all at the pictures
without any face, which are named at the end. --upsample 1 and --score -0.5 find more.

Files stay what they are: kind, size, colour profile, and outside the faces every pixel (a JPEG is
compressed again, as it was before). Everything else in a file goes by default: date, camera,
place, captions. With --metadata keep, what EXIF says in words and numbers stays, with no-location
all of that but the place. Thumbnails and previews always go: they show the faces.

A blur or squares hide a face from people. Where it must not be guessed by programs either, use
--mode box.

Example: phiz redact street/ --out shown/ --mode pixelate --upsample 1
"""


Mode = Annotated[
    Literal["blur", "pixelate", "box"], typer.Option("--mode", help="How to cover faces.")
]
Kept = Annotated[
    Literal["strip", "no-location", "keep"],
    typer.Option("--metadata", help="What to keep of what files tell; the colour profile stays."),
]


def main(
    pictures: common.Pictures,
    out: Out,
    mode: Mode = "blur",
    margin: Annotated[
        float,
        typer.Option(min=0, max=10, help="Grow boxes by this much of their size on each side."),
    ] = 0.15,
    ellipse: Annotated[
        bool, typer.Option("--ellipse", help="Cover ellipses around the boxes, not rectangles.")
    ] = False,
    metadata: Kept = "strip",
    detector: common.DetectorName = "dlib-hog-frontal",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    as_json: common.AsJson = False,
    cache: common.Cached = True,
    parquet: common.Parquet = None,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    found = common.find_pictures(pictures, skip=out)
    targets = _targets(out, found)
    common.ensure_models([detector])
    from phiz.facefiles import redact_file
    from phiz.models.redaction import Redaction
    from phiz.pipeline import make_recipe
    from phiz.runtime import default_runtime
    from phiz.table import FaceTable, Picture

    how = Redaction(mode, margin, ellipse)
    recipe = make_recipe(
        detector, None, None, upsample=upsample, threshold=score, max_pixels=max_pixels
    )
    count, bare = common.Counted(), 0
    with common.remembered(cache) as known:

        def work(path: Path) -> FaceTable:
            target = targets[path]
            if isinstance(target, OptionError):
                return FaceTable.of_picture(Picture(str(path), error=str(target)))
            return redact_file(path, recipe, how, target, metadata=metadata, cache=known)

        tables = default_runtime().stream(work, found)
        with common.parquet_file(parquet) as keep:
            for table, count in common.counted(tables, len(found), "covering faces"):  # noqa: B007
                keep(table)
                bare += table.pictures[0].error is None and not len(table)
                _show(table, targets[Path(table.pictures[0].source)], as_json=as_json)
    typer.echo(f"phiz: {count}", err=True)
    if bare:
        some = "1 picture: look at it" if bare == 1 else f"{bare} pictures: look at them"
        typer.echo(f"phiz: no face found in {some}", err=True)
    return count.exit_code()


def _targets(out: Path, pictures: Sequence[Path]) -> dict[Path, Path | OptionError]:
    """Return where the copy of each picture goes, or why it cannot go anywhere."""
    targets = Targets(out, pictures)
    places: dict[Path, Path | OptionError] = {}
    for path in pictures:
        try:
            places[path] = targets.of(path)
        except OptionError as error:
            places[path] = error
    return places


def _show(table: FaceTable, target: Path | OptionError, *, as_json: bool) -> None:
    (record,) = table.records()
    if "error" not in record:
        wanted = ("box", "score", "label")
        faces = [{name: face[name] for name in wanted} for face in record["faces"]]
        record = {**record, "out": str(target), "faces": faces}
    if as_json:
        typer.echo(json.dumps(record, ensure_ascii=False))
    elif "error" not in record:
        count = len(record["faces"])
        found = common.plural(count, "face") if count else "no face found"
        typer.echo(f"{record['path']}: {target}, {found}")
