"""phiz classify."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import ImageError, OptionError

if TYPE_CHECKING:
    from phiz.checks import U8
    from phiz.models.classifier import Crops, NetClassifier
    from phiz.scores import Scores

NAME = "classify"
HELP = """Say what is in whole pictures: the best of a model's labels.

Example: phiz classify holiday/ --top 3 --crops 10
"""

_TOGETHER = 16  # pictures read at once


def main(
    pictures: common.Pictures,
    model: Annotated[
        str, typer.Option("--model", help="Classifier of pictures: a name, or a weight file.")
    ] = "dlib-imagenet-resnet34",
    top: Annotated[int, typer.Option(min=1, help="How many labels to print.")] = 5,
    crops: Annotated[
        str,
        typer.Option(
            help="What to look at: 1, the centre; 10, corners, centre and mirror images; or "
            "'random', the 16 random crops of dlib's example."
        ),
    ] = "1",
    seed: Annotated[int, typer.Option(help="Of random crops, which each picture starts.")] = 0,
    as_json: common.AsJson = False,
    as_csv: common.AsCsv = False,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    if as_json and as_csv:
        raise OptionError("give either --json or --csv, not both")
    way = crops_of(crops)
    found = common.find_pictures(pictures)
    common.ensure_models([model])
    from phiz.loading import load

    classifier = picture_classifier(load(model), way)
    scored = classified(found, classifier, crops=way, seed=seed, max_pixels=max_pixels)
    return show(scored, classifier, len(found), top=top, as_json=as_json, as_csv=as_csv)


def crops_of(text: str) -> Crops:
    """Return what ``--crops`` names."""
    ways: dict[str, Crops] = {"1": 1, "10": 10, "random": "random"}
    if text not in ways:
        raise OptionError(f"--crops: wanted 1, 10 or random, found {text!r}")
    return ways[text]


def picture_classifier(model: object, crops: Crops) -> NetClassifier:
    """Return the model if it scores pictures cut this way; OptionError if it does not."""
    from phiz.models.classifier import NetClassifier

    if not isinstance(model, NetClassifier):
        raise OptionError(f"--model: wanted a classifier of pictures, found {model!r}")
    if crops not in model.crops:
        allowed = ", ".join(str(way) for way in model.crops)
        raise OptionError(f"--crops: {model.name} takes {allowed}, found {crops}")
    if model.input is not None and crops == 1:
        hint = " or --crops random" if "random" in model.crops else ""
        raise OptionError(f"{model.name} looks at faces: use 'phiz attributes'{hint}")
    return model


def classified(
    paths: Sequence[Path],
    model: NetClassifier,
    *,
    crops: Crops = 1,
    seed: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[tuple[Path, tuple[int, int], Scores | ImageError]]:
    """Score pictures; yields each path, its (width, height), and its scores or what is wrong.

    Every picture starts the random generator afresh, so that its answer does not depend on the
    others.
    """
    from phiz.imaging import read_image
    from phiz.runtime import default_runtime

    def read(path: Path) -> U8 | ImageError:
        try:
            return read_image(path, max_pixels=max_pixels)
        except ImageError as error:
            return error

    runtime = default_runtime()
    for start in range(0, len(paths), _TOGETHER):
        some = paths[start : start + _TOGETHER]
        images = runtime.map(read, some)
        good = [image for image in images if not isinstance(image, ImageError)]
        # A batch is quicker and gives the same, but for the state of the random generator.
        together = None if crops == "random" or not good else model(good, crops=crops)
        row = 0
        for path, image in zip(some, images, strict=True):
            if isinstance(image, ImageError):
                yield path, (0, 0), image
                continue
            size = image.shape[1], image.shape[0]
            if together is not None:
                yield path, size, together[[row]]
                row += 1
                continue
            try:
                yield path, size, model(image, crops=crops, seed=seed)
            except ImageError as error:  # too small to cut
                yield path, size, ImageError(f"{path}: {error}")


def show(
    scored: Iterator[tuple[Path, tuple[int, int], Scores | ImageError]],
    model: NetClassifier,
    total: int,
    *,
    top: int,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Print scores as they come; returns the exit code."""
    rows = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        rows.writerow(["path", "width", "height", "rank", "label", "score"])
    failed = 0
    with common.counting(total, "looking at pictures") as step:
        for path, (width, height), scores in scored:
            step()
            record: dict[str, Any] = {"schema": 1, "path": str(path)}
            if isinstance(scores, ImageError):
                failed += 1
                typer.echo(f"phiz: {scores}", err=True)
                if as_json:
                    typer.echo(json.dumps({**record, "error": str(scores)}, ensure_ascii=False))
                continue
            (best,) = scores.top(top)
            if as_csv:
                rows.writerows(
                    [path, width, height, rank, label, f"{score:.6g}"]
                    for rank, (label, score) in enumerate(best)
                )
            elif as_json:
                record |= {"width": width, "height": height, "model": model.name}
                record["labels"] = [
                    {"label": label, "score": float(f"{score:.6g}")} for label, score in best
                ]
                typer.echo(json.dumps(record, ensure_ascii=False))
            else:
                typer.echo(f"{path}:")
                for label, score in best:
                    typer.echo(f"  {score:.4f}  {label}")
    if total > 1:
        pictures = common.plural(total - failed, "picture")
        more = f", {failed} could not be read" if failed else ""
        typer.echo(f"phiz: {pictures}{more}", err=True)
    return 1 if failed else 0
