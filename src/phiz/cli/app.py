"""The ``phiz`` program: its commands, and how errors become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import click
import typer

from phiz import __version__
from phiz.cli import bench, cluster, describe, detect, doctor, landmarks, models, verify
from phiz.errors import PhizError

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="phiz",
    help="Who is in these pictures? Finds, aligns, describes, compares and clusters faces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    rich_markup_mode=None,
)
for command in (detect, landmarks, describe, verify, cluster, doctor, bench):
    app.command(help=command.HELP, name=command.NAME)(command.main)
app.add_typer(models.app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"phiz {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    del version


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    try:
        result = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    except click.ClickException as error:
        error.show()
        return 2
    except PhizError as error:
        typer.echo(f"phiz: {error}", err=True)
        return 2
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        typer.echo(f"phiz: {error}", err=True)
        return 2
    sys.stdout.flush()
    return result if isinstance(result, int) else 0
