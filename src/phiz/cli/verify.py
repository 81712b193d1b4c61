"""phiz verify."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from phiz.cli import common

NAME = "verify"
HELP = """Are these two pictures of the same person? Of several faces the largest counts.

Example: phiz verify passport.jpg selfie.jpg
"""


def main(
    first: Annotated[Path, typer.Argument(help="A picture.")],
    second: Annotated[Path, typer.Argument(help="Another picture.")],
    threshold: Annotated[
        float | None, typer.Option(help="Same person below this distance; default: the model's.")
    ] = None,
    calibration: common.CalibrationFile = None,
    prior: Annotated[
        float | None,
        typer.Option(help="How probable the same person is beforehand; wants --calibration."),
    ] = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: common.LandmarkName = "dlib-landmarks-5",
    descriptor: common.DescriptorName = "dlib-face-resnet-v1",
    precision: common.Precision = "float32",
    upsample: common.Upsample = 0,
    jitter: common.Jitter = 0,
    as_json: common.AsJson = False,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    common.ensure_models([detector, landmarks, descriptor])
    from phiz.errors import ImageError
    from phiz.verification import verify

    try:
        answer = verify(
            first,
            second,
            threshold=common.limit(threshold, calibration),
            prior=prior,
            detector=detector,
            landmarks=landmarks,
            descriptor=descriptor,
            upsample=upsample,
            jitter=jitter,
            precision=precision,
        )
    except ImageError as error:
        typer.echo(f"phiz: {error}", err=True)
        return 1
    if as_json:
        typer.echo(json.dumps({"schema": 1, **dataclasses.asdict(answer)}))
    else:
        said = {True: "same", False: "different", None: "unknown"}[answer.same]
        typer.echo(f"{said}: {answer.reason}")
    for warning in answer.warnings:
        typer.echo(f"phiz: {warning}", err=True)
    return 0
