"""phiz crop."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.facefiles import Cut
    from phiz.table import FaceTable

NAME = "crop"
HELP = """Write every face into a file of its own: NAME_0.png, NAME_1.png, the best score first.

Faces are turned upright and scaled so that their eyes and noses meet, as descriptor models want
them; --boxed cuts the detector's boxes instead. Folders keep their structure.

What was found is remembered by picture content and model: an interrupted run goes on where it
stopped.

Example: phiz crop holiday/ --out faces/ --boxed --margin 0.3
"""

_LANDMARKS, _SIZE, _PADDING, _MARGIN = "dlib-landmarks-5", 150, 0.25, 0.2


Kind = Annotated[Literal["png", "jpg"], typer.Option("--format", help="Kind of the files.")]


def main(
    pictures: common.Pictures,
    out: Annotated[Path, typer.Option(help="Write the faces into this folder.")],
    size: Annotated[
        int | None,
        typer.Option(
            min=1, max=4096,
            help=f"Side of the crops, pixels; default: {_SIZE}. With --boxed the longer side; "
            "default: as it is.",
        ),
    ] = None,
    padding: Annotated[
        float | None,
        typer.Option(
            min=0, max=10, help=f"Border around an aligned face, of its size; default: {_PADDING}."
        ),
    ] = None,
    boxed: Annotated[bool, typer.Option("--boxed", help="Cut the boxes, not turned.")] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0, max=10,
            help=f"Grow boxes by this much of their size on each side; default: {_MARGIN}.",
        ),
    ] = None,
    pad: Annotated[
        bool,
        typer.Option("--pad", help="Fill boxes that leave the picture with black; else they end."),
    ] = False,
    min_size: Annotated[
        float, typer.Option(min=0, help="Leave out faces whose box has a shorter side, pixels.")
    ] = 0,
    kind: Kind = "png",
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: Annotated[
        str | None,
        typer.Option(help=f"Landmark model that aligned faces want; default: {_LANDMARKS}."),
    ] = None,
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    as_json: common.AsJson = False,
    cache: common.Cached = True,
    parquet: common.Parquet = None,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:  # fmt: skip
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    if boxed:
        _refuse("--boxed", {"--padding": padding, "--landmarks": landmarks})
    else:
        _refuse("aligned faces (see --boxed)", {"--margin": margin, "--pad": pad or None})
    found = common.find_pictures(pictures, skip=out)
    names = CropNames(out, found, f".{kind}")
    placed = None if boxed else landmarks or _LANDMARKS
    common.ensure_models(name for name in (detector, placed) if name)
    from phiz.facefiles import Boxed, crop_file
    from phiz.geometry import ChipSpec
    from phiz.pipeline import make_recipe
    from phiz.runtime import default_runtime

    cut: Cut
    if boxed:
        cut = Boxed(_MARGIN if margin is None else margin, size, pad)
    else:
        cut = ChipSpec("dlib", size or _SIZE, _PADDING if padding is None else padding)
    recipe = make_recipe(
        detector, placed, None, upsample=upsample, threshold=score, max_pixels=max_pixels
    )
    if recipe.landmarker is not None:
        _check_scheme(recipe.landmarker.scheme)
    count = common.Counted()
    with common.remembered(cache) as known:

        def work(path: Path) -> FaceTable:
            target = names.of(path)
            return crop_file(path, recipe, cut, target, smallest=min_size, cache=known)

        tables = default_runtime().stream(work, found)
        with common.parquet_file(parquet) as keep:
            for table, count in common.counted(tables, len(found), "cutting out faces"):  # noqa: B007
                keep(table)
                _show(table, as_json=as_json)
    typer.echo(f"phiz: {count}", err=True)
    return count.exit_code()


def _refuse(by: str, options: dict[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise OptionError(f"{name} does not apply to {by}")


def _check_scheme(scheme: str) -> None:
    """Find out before any picture is read whether faces can be aligned by such landmarks."""
    import numpy as np

    from phiz.models.align import align
    from phiz.values import Landmarks

    align(np.zeros((1, 1, 3), np.uint8), Landmarks.none(scheme))  # type: ignore[arg-type]


class CropNames:
    """Where the faces of pictures go: under ``out``, keeping the folders' structure.

    The face of ``a/b.jpg`` with number 0 goes to ``a/b_0.png``.  Pictures of one folder that
    differ in their endings only keep these: ``b.jpg_0.png`` and ``b.gif_0.png``.
    """

    def __init__(self, out: Path, pictures: Sequence[Path], suffix: str) -> None:
        if out.exists() and not out.is_dir():
            raise OptionError(f"--out {out}: wanted a folder, found a file")
        root = common.common_folder(pictures)
        inside = {path: path.absolute().relative_to(root) for path in pictures}
        stems = Counter(place.with_suffix("") for place in inside.values())
        self._sources = {path.resolve() for path in pictures}
        self._suffix = suffix
        self._places: dict[Path, Path] = {}
        self._owners: dict[Path, Path] = {}
        for path, place in inside.items():
            stem = place.with_suffix("")
            self._places[path] = out / (stem if stems[stem] == 1 else place)
            self._owners.setdefault(self._places[path], path)

    def of(self, source: Path) -> Callable[[int], Path]:
        """Return what gives the file of each face of a picture.

        That raises OptionError where the file is one of the sources, or another picture's.
        """
        place = self._places[source]
        owner = self._owners[place]

        def target(number: int) -> Path:
            path = place.with_name(f"{place.name}_{number}{self._suffix}")
            if owner != source:
                raise OptionError(f"{source}: {path} is written for {owner} already")
            if path.resolve() in self._sources:
                raise OptionError(f"{source}: {path} is a source; give another --out")
            return path

        return target


def _show(table: FaceTable, *, as_json: bool) -> None:
    (record,) = table.records()
    for face in record.get("faces", []):
        face.pop("descriptor")
    if as_json:
        typer.echo(json.dumps(record, ensure_ascii=False))
    elif "error" not in record:
        faces = record["faces"]
        found = common.plural(len(faces), "face") if faces else "no faces"
        typer.echo(f"{record['path']}: {found}")
        for face in faces:
            typer.echo(f"  {face['crop']}  score {face['score']:.3f}")
