"""phiz bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from phiz.cli import common

NAME = "bench"
HELP = """Measure speed here: detection, landmarks, descriptors, and side by side with dlib.

--against names a Python interpreter that has dlib; both then take turns in one run, with the same
threads and batches, and ratios are printed.

Example: phiz bench --against dlib-env/bin/python --threads 2
"""


def main(
    against: Annotated[
        Path | None, typer.Option(help="A Python interpreter with dlib, to compare with.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="A picture with faces; by default a generated pattern.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs of each measurement.")] = 9,
    as_json: common.AsJson = False,
    threads: common.Threads = None,
    offline: common.Offline = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=False)
    common.ensure_models(["dlib-landmarks-5", "dlib-face-resnet-v1"])
    from phiz.benchmark import Reference, measure

    reference = Reference(against) if against else None
    try:
        with common.counting(repeats, "measuring") as step:
            results = measure(reference, picture=picture, repeats=repeats, step=step)
    finally:
        if reference:
            reference.close()
    for result in results:
        if as_json:
            typer.echo(json.dumps({"schema": 1, **result.as_dict()}))
        else:
            typer.echo(str(result))
    return 0
