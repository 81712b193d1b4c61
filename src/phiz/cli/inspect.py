"""phiz models inspect."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["inspect"]


def inspect(
    files: Annotated[
        list[str],
        typer.Argument(help="Weight files (dlib, ONNX, tfjs manifest or its folder), or models."),
    ],
) -> int:
    """Print what weight files hold, layer by layer, or where they stop making sense."""
    from phiz.errors import PhizError
    from phiz.inspecting import describe_file

    failed = 0
    for number, file in enumerate(files):
        if number:
            typer.echo()
        try:
            found = describe_file(file)
        except PhizError as error:
            typer.echo(f"phiz: {error}", err=True)
            failed = 1
        else:
            typer.echo(found.text)
            failed |= not found.known
    return failed
