"""phiz calibrate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phiz.cli import common
from phiz.cli import eval_inputs as inputs
from phiz.cli.common import MAX_PIXELS
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.calibration import Calibration
    from phiz.evaluation.faces import DescribedFaces
    from phiz.evaluation.trials import Trials

NAME = "calibrate"
HELP = """Which threshold? Chooses it on your own pictures, and says what a distance means.

Takes a folder with a folder for each person, or a CSV of pairs (left, right, same). Writes a small
file that 'phiz verify', 'identify' and 'cluster' take with --calibration.

Example: phiz calibrate people/ --fmr 0.001 --out calibration.json
"""
_GALLERIES = (1, 100, 10_000, 1_000_000)


def main(
    labelled: Annotated[
        Path, typer.Argument(metavar="DIR|CSV", help="A folder per person, or a list of pairs.")
    ],
    fmr: Annotated[
        float, typer.Option(help="False match rate: how often strangers may count as one person.")
    ] = 0.001,
    out: Annotated[Path | None, typer.Option(help="The calibration file to write.")] = None,
    images: Annotated[
        Path, typer.Option(help="Folder that the names of a CSV start from.")
    ] = Path(),
    model: Annotated[
        str, typer.Option("--model", help="Descriptor model: a name, a weight file, or ONNX file.")
    ] = inputs.MODEL,
    own_input: inputs.OwnInput = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: inputs.LandmarksOf = None,
    upsample: common.Upsample = 0,
    jitter: common.Jitter = 0,
    vectors: inputs.Vectors = None,
    names: inputs.Names = None,
    metric: inputs.MetricOf = "euclidean",
    as_json: common.AsJson = False,
    cache: common.Cached = True,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    if not 0 < fmr < 1:
        raise OptionError(f"--fmr: wanted a number between 0 and 1, found {fmr:g}")
    if "," in model:
        raise OptionError("--model: a calibration is of one model")
    faces = inputs.Faces(
        model, own_input, detector, landmarks, upsample, jitter, cache, max_pixels, vectors, names,
        metric,
    )  # fmt: skip
    trials, described = _trials(labelled, images, faces)
    from phiz.evaluation.calibrate import calibrate

    found = calibrate(trials, fmr, space=described.space, metric=described.metric)
    if as_json:
        typer.echo(json.dumps(json.loads(found.to_json())))
    else:
        for line in _said(found):
            typer.echo(line)
    if out is not None:
        from phiz.cache import writing

        with writing(out) as file:
            file.write(found.to_json().encode())
        typer.echo(f"phiz: wrote {out}", err=True)
    return int(bool(described.missing))


def _trials(labelled: Path, images: Path, faces: inputs.Faces) -> tuple[Trials, DescribedFaces]:
    """Return the pairs of a folder per person, or of a list, and their faces."""
    from phiz.evaluation.calibrate import trials_of
    from phiz.evaluation.faces import PROMINENT
    from phiz.evaluation.listings import people_folder, read_pairs

    if labelled.is_dir():
        listed = people_folder(labelled)
        (described,) = faces.described(listed.pictures, labelled, PROMINENT)
        people = listed.people[described.rows]
        return trials_of(described.vectors, people, metric=described.metric), described
    pairs = read_pairs(labelled)
    (described,) = faces.described(pairs.pictures, images, PROMINENT)
    distances, rows = described.distances(pairs.sides)
    return pairs.trials(distances, rows), described


def _said(found: Calibration) -> list[str]:
    """Return what people want to know of a calibration."""
    lines = [
        f"from {found.genuine} pairs of one person and {found.impostors} of two, "
        f"{found.people} people",
        f"threshold {found.threshold:.4f}: {found.measured:.2g} of these strangers match; on as "
        f"many other people {found.low:.2g} to {found.high:.2g} (95 %)",
    ]
    if found.measured < 0.9 * found.fmr:
        lines.append(
            f"  smaller than for {found.fmr:g} of these pairs: people are too few to promise that "
            f"others stay below {3 * found.fmr:g}"
        )
    lines.append(f"what a distance says ({found.llr_method}; add the prior odds yourself):")
    for distance in _distances(found):
        ratio = float(found.log_ratio(distance))
        chance = found.probability(distance, 0.5)
        lines.append(
            f"  {distance:.3f}  log-likelihood ratio {ratio:+.2f}, "
            f"probability {chance:.4g} at a prior of 0.5"
        )
    lines.append("threshold where 1 % of unknown people may match somebody in a gallery of")
    for faces in _GALLERIES:
        limit, beyond = found.for_gallery(faces)
        note = "  (extrapolated: so rare a match is not in your data)" if beyond else ""
        lines.append(f"  {faces:>9,} faces  {limit:.4f}{note}")
    return lines


def _distances(found: Calibration) -> list[float]:
    """Return distances over which the ratio goes from the one to the other of its ends."""
    values = found.llr
    low = found.llr_distances[max(at for at, value in enumerate(values) if value == values[0])]
    high = found.llr_distances[values.index(values[-1])]
    low, high = min(low, high), max(low, high)
    return [low + (high - low) * part / 8 for part in range(9)]
