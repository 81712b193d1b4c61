"""phiz colorize."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.errors import OptionError, PhizError

if TYPE_CHECKING:
    from phiz.checks import U8

NAME = "colorize"
HELP = """Colour gray pictures.

Example: phiz colorize album/ --out coloured/
"""

_MODEL = "cydral-colorify"
# Others become PNG.
_KEPT = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff")

Change: TypeAlias = "Callable[[U8], tuple[U8, Mapping[str, int]]]"
"""Makes a picture of a picture, and counts what was found in it, such as ``{"dogs": 2}``."""

Out = Annotated[
    Path, typer.Option(help="Write the pictures into this folder (or, of one picture, this file).")
]
Blur = Annotated[bool, typer.Option(help="Smooth the colours a little; the border stays gray.")]
Boost = Annotated[bool, typer.Option(help="Raise the saturation by 17 %.")]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Shrink pictures to this longer side; Colorify's program takes 340."),
]
ModelName = Annotated[str, typer.Option("--model", help="Colorizer: a name, or a weight file.")]


def main(
    pictures: common.Pictures,
    out: Out,
    blur: Blur = False,
    boost: Boost = False,
    limit: Limit = None,
    model: ModelName = _MODEL,
    as_json: common.AsJson = False,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    found = common.find_pictures(pictures, skip=out)
    targets = Targets(out, found)
    common.ensure_models([model])
    from phiz.loading import load
    from phiz.models.colorizer import Colorizer

    colorizer = load(model)
    if not isinstance(colorizer, Colorizer):
        raise OptionError(f"--model {model}: wanted a colorizer, found {type(colorizer).__name__}")

    def change(picture: U8) -> tuple[U8, Mapping[str, int]]:
        return colorizer(picture, blur=blur, boost=boost, limit=limit), {}

    return redraw(found, targets, change, "colouring", as_json=as_json, max_pixels=max_pixels)


class Targets:
    """Where the pictures made from pictures go: under ``out``, keeping the folders' structure.

    A picture keeps its name; one of a type that phiz does not write becomes a PNG.

    out: a folder; or, for a single picture, the file to write.  Raises OptionError for a file
    where a folder is wanted.
    """

    def __init__(self, out: Path, pictures: Sequence[Path]) -> None:
        self._out = out
        self._single = len(pictures) == 1 and bool(out.suffix) and not out.is_dir()
        if out.exists() and not out.is_dir() and not self._single:
            raise OptionError(f"--out {out}: wanted a folder, found a file")
        self._sources = {path.resolve() for path in pictures}
        self._taken: dict[Path, Path] = {}
        self._root = common.common_folder(pictures)

    def of(self, source: Path) -> Path:
        """Return where the picture made from this one goes.

        Raises OptionError where that is one of the sources, or taken by another picture.
        """
        if self._single:
            target = self._out
        else:
            target = self._out / source.absolute().relative_to(self._root)
            if target.suffix.lower() not in _KEPT:
                target = target.with_name(f"{target.name}.png")
        if target.resolve() in self._sources:
            raise OptionError(f"{source}: {target} is a source; give another --out")
        other = self._taken.setdefault(target, source)
        if other != source:
            raise OptionError(f"{source}: {target} is written for {other} already")
        return target


def redraw(
    pictures: Sequence[Path],
    targets: Targets,
    change: Change,
    what: str,
    *,
    as_json: bool,
    max_pixels: int,
) -> int:
    """Write what ``change`` makes of each picture, and print where; returns the exit code.

    Pictures that cannot be read or written are reported and counted, and the others go on.
    """
    from phiz.cache import writing
    from phiz.imaging import encode, read_image

    failed = 0
    with common.counting(len(pictures), what) as step:
        for source in pictures:
            try:
                target = targets.of(source)
                made, found = change(read_image(source, max_pixels=max_pixels))
                content = encode(made, target.suffix)
                with writing(target) as file:
                    file.write(content)
            except (PhizError, OSError) as error:
                failed += 1
                typer.echo(f"phiz: {error}", err=True)
                record: dict[str, object] = {"schema": 1, "path": str(source), "error": str(error)}
            else:
                height, width = made.shape[:2]
                record = {"schema": 1, "path": str(source), "out": str(target)}
                record |= {"width": width, "height": height, **found}
                if not as_json:
                    told = "".join(f", {name}: {count}" for name, count in found.items())
                    typer.echo(f"{source}: {target}{told}")
            if as_json:
                typer.echo(json.dumps(record, ensure_ascii=False))
            step()
    if len(pictures) > 1:
        text = f"{common.plural(len(pictures) - failed, 'picture')} written"
        typer.echo(f"phiz: {text}, {failed} failed" if failed else f"phiz: {text}", err=True)
    return 1 if failed else 0
