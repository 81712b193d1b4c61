"""phiz compare-detectors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import ImageError, OptionError

if TYPE_CHECKING:
    from phiz.checks import U8
    from phiz.detector_comparison import DetectorComparison

NAME = "compare-detectors"
HELP = """Say what several detectors find in the same pictures, where they agree, and how fast.

Two boxes are the same face from an intersection over union of 0.4, each face in one pair at most.
Agreement is the fraction of both detectors' faces that are in a pair, 0 to 1. It says nothing
about who is right. Speed is that of the median picture, decoding not counted.

Example: phiz compare-detectors holiday/ --detectors dlib-hog-frontal,dlib-mmod-human
"""


def main(
    pictures: common.Pictures,
    detectors: Annotated[
        str | None,
        typer.Option(
            help="Names or weight files, with commas between; default: the detectors of faces "
            "whose weights are here."
        ),
    ] = None,
    upsample: common.Upsample = 0,
    as_json: common.AsJson = False,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    found = common.find_pictures(pictures)
    from phiz.detector_comparison import as_detector, compare_detectors, local_detectors
    from phiz.loading import load
    from phiz.runtime import default_runtime

    names = local_detectors() if detectors is None else _named(detectors)
    common.ensure_models(names)
    models = {name: as_detector(load(name)) for name in names}
    source = _Decoded(found, max_pixels)
    with common.counting(len(found), "looking for faces") as step:

        def stepping() -> Iterator[U8]:
            for image in source:
                if image is not None:
                    yield image
                step()

        result = compare_detectors(models, stepping(), upsample=upsample)
    shared = default_runtime().threads
    if as_json:
        record = {"schema": 1, **result.as_dict(), "failed": source.failed, "threads": shared}
        typer.echo(json.dumps(record, ensure_ascii=False))
    else:
        for line in _lines(result, shared):
            typer.echo(line)
    return 1 if source.failed else 0


def _named(detectors: str) -> list[str]:
    """Return the names in a list with commas, each once."""
    names = list(dict.fromkeys(name.strip() for name in detectors.split(",") if name.strip()))
    if not names:
        raise OptionError(f"--detectors: wanted names with commas between, found {detectors!r}")
    return names


class _Decoded:
    """Decodes pictures one by one; None for those that cannot be read, which are reported."""

    def __init__(self, paths: Sequence[Path], max_pixels: int) -> None:
        self._paths, self._max_pixels = paths, max_pixels
        self.failed = 0

    def __iter__(self) -> Iterator[U8 | None]:
        from phiz.imaging import read_image

        for path in self._paths:
            try:
                yield read_image(path, max_pixels=self._max_pixels)
            except ImageError as error:
                self.failed += 1
                typer.echo(f"phiz: {error}", err=True)
                yield None


def _lines(result: DetectorComparison, threads: int) -> Iterator[str]:
    """Make two tables for people: of the detectors, and of their pairs."""
    pictures = common.plural(result.pictures, "picture")
    yield f"{pictures}, {common.plural(threads, 'thread')}"
    rows: list[tuple[str, ...]] = [("detector", "faces", "pictures with a face", "pictures/s")]
    for tally in result.detectors:
        speed = tally.pictures_per_second
        rows.append(
            (
                tally.name,
                str(tally.faces),
                str(tally.pictures_with_faces),
                "-" if speed is None else f"{speed:.3g}",
            )
        )
    yield from _aligned(rows, words=1)
    if result.agreements:
        yield ""
        head = f"agreement (IoU >= {result.overlap:g})"
        pairs: list[tuple[str, ...]] = [("one", "other", "both", "only one", "only other", head)]
        for pair in result.agreements:
            counts = (str(part) for part in (pair.matched, pair.only_one, pair.only_other))
            pairs.append(
                (pair.one, pair.other, *counts, "-" if pair.f1 is None else f"{pair.f1:.3f}")
            )
        yield from _aligned(pairs, words=2)


def _aligned(rows: Sequence[tuple[str, ...]], *, words: int) -> Iterator[str]:
    """Set a table in columns: the first ``words`` to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place < words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells)
