"""phiz export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

NAME = "export"
HELP = """Write a model's weights in another format: dat (dlib's own), onnx, torch or npz.

Example: phiz export dlib-face-resnet-v1 --to onnx --out face.onnx
"""


def main(
    model: Annotated[str, typer.Argument(help="A model's name, or a dlib weight file.")],
    to: Annotated[Literal["dat", "onnx", "torch", "npz"], typer.Option("--to", help="The format.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
) -> int:
    from phiz.exporting import export

    exported = export(model, to, out)
    for path in exported.paths:
        typer.echo(path)
    for part in exported.left_out:
        typer.echo(f"phiz: {part} of {model} has no place in {to} and was left out", err=True)
    return 0
