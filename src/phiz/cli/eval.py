"""phiz eval."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phiz.cli import common
from phiz.cli import eval_inputs as inputs
from phiz.cli.common import MAX_PIXELS
from phiz.cli.eval_groups import (
    folder_groups,
    group_record,
    group_tables,
    pair_groups,
    print_groups,
)
from phiz.cli.eval_report import (
    ErrorPair,
    Page,
    columns,
    number,
    pair_rows,
    write_reports,
)
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.evaluation.blocks import Hardest
    from phiz.evaluation.faces import DescribedFaces
    from phiz.evaluation.groups import Groups, GroupScore
    from phiz.evaluation.scores import PairScore

NAME = "eval"
HELP = """How good is a model on faces whose people are known?

Numbers come with 95 % intervals by a bootstrap over people; what the data has too few pairs to say
is "unsupported". Every command takes several models at once, an ONNX file of your own, or vectors
that something else made, and writes report.json and report.html with --out.

Example: phiz eval folder people/ --out report/
"""
MARGIN = 0.04  # of the loss that dlib's models are trained with; part of its log
NEAREST, FARTHEST = "Different people, nearest first", "The same person, farthest first"

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder with a folder for each person.")
]


def lfw(
    images: Annotated[Path, typer.Option(help="LFW's pictures: a folder for each person.")],
    pairs: Annotated[Path, typer.Option(help="pairs.txt, pairsDevTrain.txt or pairsDevTest.txt.")],
    models: inputs.Models = inputs.MODEL,
    own_input: inputs.OwnInput = None,
    landmarks: inputs.LandmarksOf = None,
    threshold: inputs.Limit = None,
    jitter: common.Jitter = 0,
    vectors: inputs.Vectors = None,
    names: inputs.Names = None,
    metric: inputs.MetricOf = "euclidean",
    groups: inputs.GroupsOf = None,
    reference: inputs.Reference = None,
    out: inputs.Out = None,
    as_json: common.AsJson = False,
    cache: common.Cached = True,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    """Repeat the LFW test as dlib's test program does, and print the fields of its log.

    No picture is dropped: of dlib's HOG boxes the one nearest to the middle counts, and where there
    is none the median box of LFW. Folds are those of the file.

    Example: phiz eval lfw --images lfw/ --pairs pairs.txt
    """
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    from phiz.errors import ImageError
    from phiz.evaluation.faces import CENTRAL
    from phiz.evaluation.listings import lfw_pairs
    from phiz.evaluation.scores import score_pairs

    listed, table = lfw_pairs(pairs), _groups(groups)
    faces = inputs.Faces(
        models, own_input, landmarks=landmarks, jitter=jitter, cache=cache, vectors=vectors,
        names=names, metric=metric, threshold=threshold,
    )  # fmt: skip
    scores, found, parts = [], [], []
    for described in faces.described(listed.pictures, images, CENTRAL):
        if described.missing:
            row, reason = described.missing[0]
            raise ImageError(f"no picture of LFW may be left out: {reason or listed.pictures[row]}")
        score = score_pairs(listed, described, threshold=threshold)
        scores.append(score)
        found.append(described)
        parts.append(pair_groups(table, listed, described, threshold, reference))
        if as_json:
            _json_line("lfw", score, parts[-1])
            continue
        if len(scores) > 1 or "," in models:
            typer.echo(f"== {score.model}")
        typer.echo("\n".join(_log(score)))
        if described.fallback:
            count = common.plural(described.fallback, "picture")
            typer.echo(f"phiz: no box in {count}: the median box of LFW was taken", err=True)
    if not as_json:
        typer.echo(columns(pair_rows(scores)))
        _held_out(scores)
        print_groups(scores, parts)
    _reported(out, "lfw", "LFW", scores, found, listed.pictures, images, MAX_PIXELS, parts)
    return 0


def _log(score: PairScore) -> list[str]:
    """Return the fields of dlib's log, in its order and digits."""
    import numpy as np

    from phiz.evaluation.curves import equal_error

    if score.at is None or score.folds is None or score.folds.accuracies is None:
        raise OptionError("vectors have no threshold of their own: give --threshold")
    means, at = score.folds.accuracies, score.at
    equal = equal_error(score.curve)
    deviation = float(np.std(means, ddof=1)) if len(means) > 1 else 0.0
    assert at.fmr is not None
    assert at.fnmr is not None
    assert equal is not None
    fields = [
        ("dist thresh", at.threshold),
        ("margin", MARGIN),
        ("overall lfw accuracy", at.accuracy),
        ("pos lfw accuracy", 1 - at.fnmr),
        ("neg lfw accuracy", 1 - at.fmr),
        *(("fold mean", float(mean)) for mean in means),
        ("rscv.mean()", float(means.mean())),
        ("rscv.stddev()", deviation),
        ("ERR accuracy", 1 - equal[0]),
        ("ERR thresh", equal[1]),
    ]
    return [f"{name}: {number(value)}" for name, value in fields]


def _held_out(scores: Sequence[PairScore]) -> None:
    """Print the threshold that the other folds choose for each fold, and what it does there."""
    for score in scores:
        folds = score.folds
        if folds is None or folds.thresholds is None or folds.held_out is None:
            continue
        typer.echo(f"{score.model}: each fold at the best threshold of the others")
        rows = [["fold", "threshold", "accuracy"]]
        for place, (limit, share) in enumerate(zip(folds.thresholds, folds.held_out, strict=True)):
            rows.append([str(place + 1), number(float(limit)), number(float(share))])
        rows.append(["mean", "", number(float(folds.held_out.mean()))])
        typer.echo(columns(rows))


def pairs(
    table: Annotated[
        Path, typer.Argument(metavar="CSV", help="Columns left, right, same (1 or 0), and fold.")
    ],
    images: Annotated[
        Path, typer.Option(help="Folder that the pictures' names start from.")
    ] = Path(),
    models: inputs.Models = inputs.MODEL,
    own_input: inputs.OwnInput = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: inputs.LandmarksOf = None,
    threshold: inputs.Limit = None,
    upsample: common.Upsample = 0,
    jitter: common.Jitter = 0,
    vectors: inputs.Vectors = None,
    names: inputs.Names = None,
    metric: inputs.MetricOf = "euclidean",
    groups: inputs.GroupsOf = None,
    reference: inputs.Reference = None,
    out: inputs.Out = None,
    as_json: common.AsJson = False,
    cache: common.Cached = True,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    """Score a list of pairs. Of several faces in a picture the most prominent counts.

    Pairs with a picture that has no face, or cannot be read, are left out and told.

    Example: phiz eval pairs pairs.csv --images pictures/
    """
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    from phiz.evaluation.faces import PROMINENT
    from phiz.evaluation.listings import read_pairs
    from phiz.evaluation.scores import score_pairs

    listed, kinds = read_pairs(table), _groups(groups)
    faces = inputs.Faces(
        models, own_input, detector, landmarks, upsample, jitter, cache, max_pixels, vectors, names,
        metric, threshold,
    )  # fmt: skip
    found = list(faces.described(listed.pictures, images, PROMINENT))
    scores = [score_pairs(listed, described, threshold=threshold) for described in found]
    parts = [pair_groups(kinds, listed, each, threshold, reference) for each in found]
    _print("pairs", scores, as_json, parts)
    _held_out([] if as_json else scores)
    _reported(out, "pairs", table.name, scores, found, listed.pictures, images, max_pixels, parts)
    return int(any(described.missing for described in found))


def folder(
    people: Folder,
    models: inputs.Models = inputs.MODEL,
    own_input: inputs.OwnInput = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: inputs.LandmarksOf = None,
    threshold: inputs.Limit = None,
    upsample: common.Upsample = 0,
    jitter: common.Jitter = 0,
    vectors: inputs.Vectors = None,
    names: inputs.Names = None,
    metric: inputs.MetricOf = "euclidean",
    groups: inputs.GroupsOf = None,
    reference: inputs.Reference = None,
    out: inputs.Out = None,
    as_json: common.AsJson = False,
    cache: common.Cached = True,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    """Score every pair of pictures of a folder with a folder for each person.

    Pairs are counted by blocks, never kept: 100,000 faces need 2 KB per person and 100 MB.

    Example: phiz eval folder people/ --models dlib-face-resnet-v1,taguchi-face-resnet-v1
    """
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    from phiz.evaluation.faces import PROMINENT
    from phiz.evaluation.listings import people_folder
    from phiz.evaluation.scores import score_folder

    listed, kinds = people_folder(people), _groups(groups)
    faces = inputs.Faces(
        models, own_input, detector, landmarks, upsample, jitter, cache, max_pixels, vectors, names,
        metric, threshold,
    )  # fmt: skip
    found, scores, parts = [], [], []
    for described in faces.described(listed.pictures, people, PROMINENT):
        count = len(described.rows)
        with common.counting(count * (count - 1) // 2, "comparing pairs") as step:
            progress = common.totals(step)
            scores.append(
                score_folder(listed.people, described, threshold=threshold, progress=progress)
            )
        found.append(described)
        parts.append(folder_groups(kinds, listed, described, threshold, reference))
    _print("folder", scores, as_json, parts)
    _reported(out, "folder", people.name, scores, found, listed.pictures, people, max_pixels, parts)
    return int(any(described.missing for described in found))


def _groups(path: Path | None) -> Groups | None:
    from phiz.evaluation.groups import read_groups

    return None if path is None else read_groups(path)


def _json_line(command: str, score: PairScore, parts: Sequence[GroupScore]) -> None:
    record = {"schema": 1, "command": f"eval {command}", **score.record(), **group_record(parts)}
    typer.echo(json.dumps(record))


def _print(
    command: str,
    scores: Sequence[PairScore],
    as_json: bool,
    parts: Sequence[Sequence[GroupScore]],
) -> None:
    if as_json:
        for score, mine in zip(scores, parts, strict=True):
            _json_line(command, score, mine)
    else:
        typer.echo(columns(pair_rows(scores)))
        print_groups(scores, parts)


def error_pairs(
    hardest: Hardest, faces: DescribedFaces, paths: Sequence[Path], said: str
) -> list[ErrorPair]:
    """Return the worst pairs as pictures with their boxes."""
    place = faces.place(len(paths))

    def box(picture: int) -> Any:
        return None if faces.boxes is None else faces.boxes[place[picture]]

    return [
        ErrorPair(paths[one], paths[other], box(one), box(other), f"{said} {distance:.4f}")
        for one, other, distance in zip(
            hardest.one.tolist(), hardest.other.tolist(), hardest.distances.tolist(), strict=True
        )
    ]


def _reported(
    out: Path | None,
    command: str,
    title: str,
    scores: Sequence[PairScore],
    found: Sequence[DescribedFaces],
    pictures: Sequence[str],
    root: Path,
    max_pixels: int,
    parts: Sequence[Sequence[GroupScore]],
) -> None:
    """Write the reports of pairs, if they are asked for."""
    if out is None:
        return
    paths = [root / name for name in pictures]
    errors, records = {}, []
    for score, faces, groups in zip(scores, found, parts, strict=True):
        kinds = ((NEAREST, score.impostors), (FARTHEST, score.strangers))
        hardest = {}
        for said, worst in kinds:
            errors[f"{score.model}: {said}"] = error_pairs(worst, faces, paths, "distance")
            hardest[said] = [
                {"left": pictures[one], "right": pictures[other], "distance": distance}
                for one, other, distance in zip(
                    worst.one.tolist(), worst.other.tolist(), worst.distances.tolist(), strict=True
                )
            ]
        missing = [reason for _, reason in faces.missing]
        more = {"fallback_boxes": faces.fallback, "left_out": missing, "hardest": hardest}
        records.append(score.record() | more | group_record(groups))
    page = Page(
        f"phiz eval {command}: {title}",
        {"schema": 1, "command": f"eval {command}", "models": records},
        pair_rows(scores),
        {score.model: score.curve for score in scores},
        {score.model: (score.histogram, score.threshold) for score in scores},
        errors,
        group_tables(scores, parts),
    )
    write_reports(out, page, max_pixels=max_pixels)


def identify(
    gallery: Annotated[Path, typer.Option(metavar="DIR", help="Known people, a folder for each.")],
    probes: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Whom to search for; people only here are the unknown."),
    ],
    models: inputs.Models = inputs.MODEL,
    own_input: inputs.OwnInput = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: inputs.LandmarksOf = None,
    threshold: inputs.Limit = None,
    upsample: common.Upsample = 0,
    jitter: common.Jitter = 0,
    vectors: inputs.Vectors = None,
    names: inputs.Names = None,
    metric: inputs.MetricOf = "euclidean",
    out: inputs.Out = None,
    as_json: common.AsJson = False,
    cache: common.Cached = True,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    """Search for every probe in a gallery: who is it, if anyone?

    A person is as near as the nearest of their faces. FPIR is the share of searches for unknown
    people that return somebody, FNIR that of known people whose own person is not first, or not
    below the threshold; rank n that of known people found among the n nearest.

    With --vectors, --names has gallery/NAME/PICTURE and probes/NAME/PICTURE.

    Example: phiz eval identify --gallery staff/ --probes visitors/
    """
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    from phiz.cli.eval_search import report_searches, searched
    from phiz.evaluation.faces import PROMINENT
    from phiz.evaluation.listings import people_folder

    known, asked = people_folder(gallery), people_folder(probes)
    roots = [(gallery, "gallery"), (probes, "probes")]
    pictures = [
        str(root / name) if vectors is None else f"{side}/{name}"
        for (root, side), listed in zip(roots, (known, asked), strict=True)
        for name in listed.pictures
    ]
    faces = inputs.Faces(
        models, own_input, detector, landmarks, upsample, jitter, cache, max_pixels, vectors, names,
        metric, threshold,
    )  # fmt: skip
    found = list(faces.described(pictures, Path(), PROMINENT))
    results = [searched(described, known, asked, threshold) for described in found]
    report_searches(results, found, pictures, out, as_json, max_pixels)
    return int(any(described.missing for described in found))


def clusters(
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="labels.csv or JSON lines of 'phiz cluster'.")
    ],
    people: Annotated[
        Path, typer.Option(metavar="DIR", help="The pictures, in a folder for each person.")
    ],
    out: inputs.Out = None,
    as_json: common.AsJson = False,
    max_pixels: common.MaxPixels = MAX_PIXELS,
) -> int:
    """Score the labels of a clustering by who is in the pictures: pairwise and BCubed F.

    The folder says who is in a picture, not where: of several faces of a picture the best counts.

    Example: phiz eval clusters people/labels.csv --people faces/
    """
    from phiz.cli.eval_search import report_clusters
    from phiz.evaluation.cluster_scores import cluster_scores
    from phiz.evaluation.listings import read_labels, truth_of_labels

    truth = truth_of_labels(read_labels(labels), people)
    scores = cluster_scores(truth.people, truth.labels)
    report_clusters(scores, truth, labels.name, out, as_json, max_pixels)
    return int(truth.outside > 0)


PROTOCOLS: tuple[Callable[..., int], ...] = (lfw, pairs, folder, identify, clusters)
