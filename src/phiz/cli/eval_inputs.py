"""What the commands of ``phiz eval`` share: options, and faces of any describer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phiz.cli import common
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.evaluation.faces import DescribedFaces
    from phiz.models.protocols import Describer
    from phiz.pipeline import Choice
    from phiz.values import Metric

Models = Annotated[
    str,
    typer.Option(
        help="Descriptor models, with commas between: names of 'phiz models', weight files, or "
        "ONNX files with --input. NAME:int8 is one in int8."
    ),
]
OwnInput = Annotated[
    Path | None,
    typer.Option("--input", help="JSON file that says what the ONNX files are fed."),
]
LandmarksOf = Annotated[
    str | None,
    typer.Option("--landmarks", help="Landmark model; default: the one that suits each model."),
]
Limit = Annotated[
    float | None,
    typer.Option("--threshold", help="Same person below this distance; default: the model's own."),
]
Vectors = Annotated[
    Path | None, typer.Option(help="Instead of models: vectors as a .npy file, with --names.")
]
Names = Annotated[
    Path | None, typer.Option(help="The picture of each row of --vectors, one a line.")
]
MetricOf = Annotated[str, typer.Option("--metric", help="Of --vectors: euclidean or cosine.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.json and report.html.")]

GroupsOf = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        help="CSV file 'person,sex,...' or 'picture,camera,...': the same numbers for each group.",
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(help="Group that others are compared with; default: the one with most pairs."),
]

FIVE, MANY = "dlib-landmarks-5", "dlib-landmarks-68"
MODEL = "dlib-face-resnet-v1"


@dataclass(frozen=True, slots=True)
class Faces:
    """Whose vectors are compared, and how they are made."""

    models: str
    own_input: Path | None = None
    detector: str = "dlib-hog-frontal"
    landmarks: str | None = None
    upsample: int = 0
    jitter: int = 0
    cache: bool = True
    max_pixels: int = common.MAX_PIXELS
    vectors: Path | None = None
    names: Path | None = None
    metric: str = "euclidean"
    threshold: float | None = None

    def described(
        self, pictures: Sequence[str], root: Path, choice: Choice
    ) -> Iterator[DescribedFaces]:
        """Yield the faces of pictures, named relative to a folder, of one model after the other.

        Pictures without a vector are told on standard error.
        """
        from phiz.evaluation.faces import given_vectors

        if (self.vectors is None) != (self.names is None):
            raise OptionError("--vectors and --names go together")
        if self.vectors is not None and self.names is not None:
            yield _told(
                given_vectors(
                    self.vectors, self.names, pictures, metric=_metric(self.metric),
                    threshold=self.threshold,
                )
            )  # fmt: skip
            return
        paths = [root / name for name in pictures]
        for name in [part.strip() for part in self.models.split(",") if part.strip()]:
            yield _told(self._of_model(name, paths, choice))

    def _of_model(self, name: str, paths: Sequence[Path], choice: Choice) -> DescribedFaces:
        from phiz.evaluation.faces import describe_pictures
        from phiz.pipeline import make_recipe

        name, precision = _precision_of(name)
        describer = self._describer(name, precision)
        landmarks = self.landmarks or (FIVE if describer.input.kind == "dlib" else MANY)
        common.ensure_models([self.detector, landmarks])
        recipe = make_recipe(
            self.detector, landmarks, describer, upsample=self.upsample, jitter=self.jitter,
            max_pixels=self.max_pixels, choice=choice,
        )  # fmt: skip
        model = describer.name + (f":{precision}" if precision != "float32" else "")
        with (
            common.remembered(self.cache) as cache,
            common.counting(len(paths), f"describing faces by {model}") as step,
        ):
            return replace(
                describe_pictures(paths, recipe, cache=cache, progress=step), model=model
            )

    def _describer(self, name: str, precision: str) -> Describer:
        from phiz.loading import load
        from phiz.models.protocols import require_role

        if name.lower().endswith(".onnx"):
            from phiz.evaluation.own_model import load_own_model

            if self.own_input is None:
                raise OptionError(f"{name}: --input says what it is fed")
            if precision != "float32":
                raise OptionError(f"{name}: wanted an ONNX file as it is, found {precision}")
            return load_own_model(name, self.own_input)
        common.ensure_models([name])
        model: Any = load(name, precision=precision)
        require_role(model, "descriptor model")
        return model  # type: ignore[no-any-return]


def _precision_of(name: str) -> tuple[str, str]:
    """Split NAME:int8 into the model's name and what it computes in."""
    from phiz.precision import PRECISIONS

    model, _, precision = name.rpartition(":")
    return (model, precision) if model and precision in PRECISIONS else (name, "float32")


def _metric(name: str) -> Metric:
    if name == "euclidean":
        return "euclidean"
    if name == "cosine":
        return "cosine"
    raise OptionError(f"--metric: wanted euclidean or cosine, found {name!r}")


def _told(faces: DescribedFaces) -> DescribedFaces:
    for _, reason in faces.missing:
        typer.echo(f"phiz: {reason}", err=True)
    if faces.missing:
        count = common.plural(len(faces.missing), "picture")
        typer.echo(f"phiz: {faces.model}: {count} left out", err=True)
    return faces
