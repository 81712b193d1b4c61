"""phiz generate."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from phiz.cli import common
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.checks import U8
    from phiz.models.generator import FaceGenerator

NAME = "generate"
HELP = """Make pictures of faces that belong to nobody.

Example: phiz generate faces --count 16 --seed 7 --out nobody/
"""

_MODEL = "cydral-dcgan-faces"
_LARGEST = 10_000  # pictures; the grid of more would be too large to open

What = Annotated[Literal["faces"], typer.Argument(help="What to make: faces.")]
Out = Annotated[Path, typer.Option(help="Folder for the pictures; made if it is not there.")]
Count = Annotated[int, typer.Option(min=1, max=_LARGEST, help="How many pictures.")]
Seed = Annotated[int, typer.Option(min=0, help="Another seed gives other faces.")]
Reject = Annotated[
    bool, typer.Option(help="Draw again what the discriminator does not take for a photograph.")
]
ModelName = Annotated[str, typer.Option("--model", help="Generator: a name, or a weight file.")]


def main(
    what: What,
    out: Out,
    count: Count = 16,
    seed: Seed = 0,
    reject: Reject = True,
    model: ModelName = _MODEL,
    as_json: common.AsJson = False,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    del what  # there is one kind
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    if out.exists() and not out.is_dir():
        raise OptionError(f"--out {out}: wanted a folder, found a file")
    common.ensure_models([model])
    from phiz.loading import load
    from phiz.models.generator import FaceGenerator

    generator = load(model)
    if not isinstance(generator, FaceGenerator):
        raise OptionError(f"--model {model}: wanted a generator, found {type(generator).__name__}")
    return write_pictures(generator, out, count=count, seed=seed, reject=reject, as_json=as_json)


def write_pictures(
    generator: FaceGenerator, out: Path, *, count: int, seed: int, reject: bool, as_json: bool
) -> int:
    """Write each picture and a grid of all into a folder, and print where; returns 0."""
    digits = max(4, len(str(count - 1)))
    made: list[U8] = []
    with (
        common.counting(count, "making faces") as step,
        warnings.catch_warnings(record=True) as out_of_tries,
    ):
        warnings.simplefilter("always")
        for index, picture in enumerate(generator.pictures(count, seed=seed, reject=reject)):
            path = out / f"face_{seed}_{index:0{digits}}.png"
            _write(path, picture)
            record = {"schema": 1, "path": str(path), "seed": seed, "index": index}
            typer.echo(json.dumps(record, ensure_ascii=False) if as_json else str(path))
            made.append(picture)
            step()
    for warning in out_of_tries:
        typer.echo(f"phiz: {warning.message}", err=True)
    path = out / f"faces_{seed}.png"
    _write(path, grid(made))
    record = {"schema": 1, "path": str(path), "seed": seed, "count": count}
    typer.echo(json.dumps(record, ensure_ascii=False) if as_json else str(path))
    return 0


def grid(pictures: list[U8]) -> U8:
    """Put pictures (side, side, 3) of one size side by side, about as many rows as columns."""
    import numpy as np

    columns = math.ceil(math.sqrt(len(pictures)))
    rows = -(-len(pictures) // columns)
    side = len(pictures[0])
    canvas = np.zeros((rows * side, columns * side, 3), np.uint8)
    for index, picture in enumerate(pictures):
        top, left = side * (index // columns), side * (index % columns)
        canvas[top : top + side, left : left + side] = picture
    return canvas


def _write(path: Path, picture: U8) -> None:
    from phiz.cache import writing
    from phiz.imaging import encode

    content = encode(picture, path.suffix)
    with writing(path) as file:
        file.write(content)
