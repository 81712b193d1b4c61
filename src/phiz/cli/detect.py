"""phiz detect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.zoo import find_entry

NAME = "detect"
HELP = """Find faces: boxes, scores, and the pose each sub-detector is for.

Example: phiz detect holiday/ --upsample 1 --draw found/
"""

Draw = Annotated[
    Path | None, typer.Option(help="Write annotated pictures into this folder (or file).")
]


def main(
    pictures: common.Pictures,
    detector: common.DetectorName = "dlib-hog-frontal",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    draw: Draw = None,
    as_json: common.AsJson = False,
    as_csv: common.AsCsv = False,
    parquet: common.Parquet = None,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    return search(
        pictures,
        (detector, None, None),
        upsample=upsample,
        score=score,
        draw=draw,
        as_json=as_json,
        as_csv=as_csv,
        parquet=parquet,
        max_pixels=max_pixels,
    )


def search(
    pictures: list[Path],
    models: tuple[str, str | None, str | None],
    *,
    upsample: int,
    score: float | None,
    jitter: int = 0,
    precision: str = "float32",
    draw: Path | None = None,
    as_json: bool,
    as_csv: bool,
    parquet: Path | None = None,
    max_pixels: int,
) -> int:
    """Run models over pictures and print what they find; returns the exit code."""
    entry = find_entry(models[0])
    noun = entry.finds if entry else "face"
    writer = common.Writer(as_json=as_json, as_csv=as_csv, noun=noun)
    found = common.find_pictures(pictures, skip=draw)
    common.ensure_models(name for name in models if name)
    from phiz.cli.drawing import Drawer
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
    count = common.Counted(noun)
    with common.parquet_file(parquet) as keep:
        for table, count in common.analysed(found, recipe, f"looking for {noun}s", noun=noun):  # noqa: B007
            writer.write(table)
            keep(table)
            if drawer:
                drawer.draw(table, max_pixels=max_pixels)
    if len(found) > 1:
        typer.echo(f"phiz: {count}", err=True)
    return count.exit_code()
