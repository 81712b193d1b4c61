"""phiz attributes."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import ImageError, OptionError
from phiz.zoo import find_entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phiz.geometry import ChipSpec
    from phiz.models.protocols import FaceClassifier
    from phiz.pipeline import Recipe
    from phiz.scores import Scores
    from phiz.table import FaceTable

NAME = "attributes"
HELP = """Say what models make of every face: by default gender and age.

There are two families of models: cydral's (dlib), and face-api.js's, which has expressions too and
wants 68 landmarks.

Scores are the models' own: not calibrated, and worse for people unlike those they were trained
on; see 'phiz models info'.

Example: phiz attributes holiday/ --gender --json > faces.jsonl

Example: phiz attributes holiday/ --expressions --age --family faceapi
"""

GENDERS = {"cydral": "cydral-gender-v1", "faceapi": "faceapi-age-gender"}
AGES = {"cydral": "cydral-age-v1", "faceapi": "faceapi-age-gender"}
EXPRESSIONS = "faceapi-expression"
FIVE, MANY = "dlib-landmarks-5", "faceapi-landmarks-68"

_TOGETHER = 32  # pictures whose faces are scored in one go


def main(
    pictures: common.Pictures,
    gender: Annotated[bool, typer.Option("--gender", help="Ask for the gender.")] = False,
    age: Annotated[bool, typer.Option("--age", help="Ask for the age.")] = False,
    expressions: Annotated[
        bool, typer.Option("--expressions", help=f"Ask {EXPRESSIONS}, whatever the family.")
    ] = False,
    family: Annotated[
        Literal["cydral", "faceapi"], typer.Option(help="Whose models of gender and age.")
    ] = "cydral",
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="Ask this classifier of faces: a name, or a weight file."),
    ] = None,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: Annotated[
        str | None,
        typer.Option(help=f"Landmark model; default: {FIVE}, or {MANY} if a model wants 68."),
    ] = None,
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    as_json: common.AsJson = False,
    as_csv: common.AsCsv = False,
    parquet: common.Parquet = None,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    names = chosen(
        gender=gender, age=age, expressions=expressions, family=family, others=model or []
    )
    landmarks = landmarks or landmarks_for(names)
    if as_json and as_csv:
        raise OptionError("give either --json or --csv, not both")
    found = common.find_pictures(pictures)
    common.ensure_models([detector, landmarks, *names])
    from phiz.loading import load
    from phiz.pipeline import make_recipe

    models = [face_classifier(load(name)) for name in names]
    recipe = make_recipe(
        detector, landmarks, None, upsample=upsample, threshold=score, max_pixels=max_pixels
    )
    return search(found, recipe, models, as_json=as_json, as_csv=as_csv, parquet=parquet)


def chosen(
    *, gender: bool, age: bool, expressions: bool, family: str, others: Sequence[str]
) -> list[str]:
    """Return the names of the models that the options ask for, each once."""
    if not (gender or age or expressions or others):
        gender = age = True
    asked = [
        *[GENDERS[family]] * gender,
        *[AGES[family]] * age,
        *[EXPRESSIONS] * expressions,
        *others,
    ]
    return list(dict.fromkeys(asked))


def landmarks_for(names: Sequence[str]) -> str:
    """Return the landmark model that suits all these classifiers."""
    chips = [entry.chip for entry in map(find_entry, names) if entry and entry.chip]
    return MANY if any(chip.kind != "dlib" for chip in chips) else FIVE


def face_classifier(model: object) -> FaceClassifier:
    """Return the model if it scores faces; OptionError if it does something else."""
    from phiz.models.classifier import NetClassifier
    from phiz.models.faceapi_classifier import FaceapiClassifier

    if not isinstance(model, (NetClassifier, FaceapiClassifier)):
        raise OptionError(f"--model: wanted a classifier of faces, found {model!r}")
    if model.input is None:
        raise OptionError(f"{model.name} looks at whole pictures: use 'phiz classify'")
    return model


def search(
    found: Sequence[Path],
    recipe: Recipe,
    models: Sequence[FaceClassifier],
    *,
    as_json: bool,
    as_csv: bool,
    parquet: Path | None = None,
) -> int:
    """Run models over pictures and print what they say; returns the exit code."""
    from phiz.pipeline import score_columns

    out = _Csv(models) if as_csv else _Json() if as_json else _Text()
    count = common.Counted()
    with (
        common.parquet_file(parquet) as keep,
        common.counting(len(found), "looking at faces") as step,
    ):
        for table, scores in attributed(found, recipe, models):
            step()
            columns: dict[str, NDArray[Any]] = {}
            for name, each in scores.items():
                columns |= score_columns(name, each)
            keep(replace(table, attributes=columns))
            count.pictures += 1
            count.faces += len(table)
            problem = table.pictures[0].error
            if problem is not None:
                count.failed += 1
                typer.echo(f"phiz: {problem}", err=True)
            (record,) = table.records()
            for number, face in enumerate(record.get("faces", [])):
                face.pop("descriptor")
                face["attributes"] = {name: answer(row[[number]]) for name, row in scores.items()}
            out.write(record)
    if len(found) > 1:
        typer.echo(f"phiz: {count}", err=True)
    return count.exit_code()


def answer(scores: Scores) -> dict[str, Any]:
    """Return what is printed of a classifier's scores of one face, ready for JSON.

    label and score: the best.  Then all scores by label, unless the labels are years; and the age
    of a model that estimates one, as it is and rounded.
    """
    ((label, score),) = scores.top(1)[0]
    said: dict[str, Any] = {"label": label, "score": _short(score)}
    if scores.age is not None and scores.years is not None:
        said = {"age": _short(scores.age[0]), "years": int(scores.years[0]), **said}
        if not scores.age_apart:
            return said
    each = zip(scores.labels, scores.probs[0].tolist(), strict=True)
    return {**said, "scores": {name: _short(part) for name, part in each}}


def _short(value: Any) -> float:
    """Round to six digits: more than the models' own runtimes agree on."""
    return float(f"{float(value):.6g}")


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The faces of a picture, and the chips of them that each model wants."""

    table: FaceTable
    chips: list[NDArray[Any]]


def attributed(
    paths: Sequence[Path], recipe: Recipe, models: Sequence[FaceClassifier]
) -> Iterator[tuple[FaceTable, dict[str, Scores]]]:
    """Find and score the faces of pictures; yields each one's table, and scores by model.

    A picture that cannot be read gives an empty table whose ``pictures[0].error`` says why.
    """
    import numpy as np

    from phiz.runtime import default_runtime

    runtime = default_runtime()
    specs = [model.input for model in models if model.input is not None]
    for start in range(0, len(paths), _TOGETHER):
        some = paths[start : start + _TOGETHER]
        seen = runtime.map(lambda path: _see(path, recipe, specs), some)
        scores = {
            model.name: model(np.concatenate([item.chips[number] for item in seen]))
            for number, model in enumerate(models)
        }
        done = 0
        for item in seen:
            rows = slice(done, done + len(item.table))
            yield item.table, {name: every[rows] for name, every in scores.items()}
            done += len(item.table)


def _see(path: Path, recipe: Recipe, specs: Sequence[ChipSpec]) -> _Seen:
    """Read one picture, find its faces and cut their chips; its errors become its result."""
    import numpy as np

    from phiz.cache import sha256_of_file
    from phiz.imaging import read_image
    from phiz.models.align import align
    from phiz.pipeline import locate
    from phiz.table import FaceTable, Picture
    from phiz.values import Landmarks

    assert recipe.landmarker is not None  # main names one
    try:
        image = read_image(path, max_pixels=recipe.max_pixels)
    except ImageError as error:
        table = FaceTable.of_picture(Picture(str(path), error=str(error)))
        blank, nobody = np.zeros((1, 1, 3), np.uint8), Landmarks.none(recipe.landmarker.scheme)
        return _Seen(table, [align(blank, nobody, chip=spec) for spec in specs])
    faces, framed, landmarks = locate(recipe, image)
    assert landmarks is not None
    height, width = image.shape[:2]
    picture = Picture(str(path), sha256_of_file(path) or "", width, height)
    chips = [align(image, landmarks, chip=spec, boxes=framed) for spec in specs]
    table = FaceTable.of_picture(picture, faces, landmarks, settings_hash=recipe.settings_hash)
    return _Seen(table, chips)


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
            line = f"  {x0} {y0} {x1} {y1}  score {face['score']:.3f}"
            typer.echo(f"{line}  {face['label']}" if face["label"] else line)
            for name, said in face["attributes"].items():
                typer.echo(f"    {name}: {_sentence(said)}")


def _sentence(said: dict[str, Any]) -> str:
    best = f"{said['label']} {said['score']:.3f}"
    if "age" not in said:
        return best
    if "scores" in said:
        return f"{best}, about {said['years']} years ({said['age']:.1f})"
    return f"about {said['years']} years (mean {said['age']:.1f})"


def _cells(said: dict[str, Any]) -> list[Any]:
    if "scores" in said:
        return [said["label"], said["score"], *([said["age"]] if "age" in said else [])]
    return [said["age"], said["score"]]


class _Csv:
    """Prints one row per face: for each model its best label, or the age, and that one's score.

    A model that gives both has its age in a third column.
    """

    def __init__(self, models: Sequence[FaceClassifier]) -> None:
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        head = ["path", "width", "height", "face", "x0", "y0", "x1", "y1", "score", "label"]
        for model in models:
            both = getattr(model, "age_apart", False)
            head += [model.name, f"{model.name} score", *[f"{model.name} age"] * both]
        self._rows.writerow(head)

    def write(self, record: dict[str, Any]) -> None:
        for rank, face in enumerate(record.get("faces", [])):
            said = [cell for each in face["attributes"].values() for cell in _cells(each)]
            self._rows.writerow(
                [record["path"], record["width"], record["height"], rank, *face["box"],
                 face["score"], face["label"] or "", *said]
            )  # fmt: skip
