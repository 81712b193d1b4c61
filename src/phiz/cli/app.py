"""The ``phiz`` program: its commands, and how errors become exit codes."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from phiz import __version__
from phiz.cli import (
    attributes,
    bench,
    calibrate,
    classify,
    clean,
    cluster,
    colorize,
    compare_detectors,
    crop,
    describe,
    detect,
    doctor,
    export,
    generate,
    hipsterize,
    identify,
    inspect,
    landmarks,
    models,
    redact,
    verify,
)
from phiz.cli import eval as evaluate
from phiz.errors import PhizError

__all__ = ["app"]


def exiting(command: Callable[..., int]) -> Callable[..., None]:
    """Make a command that returns an exit code into one that leaves with it.

    Errors that phiz raises on purpose, and files that cannot be read or written, become a line on
    standard error and code 2; anything else is a defect and keeps its traceback.
    """

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            code = command(*arguments, **options)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader of our output, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except (PhizError, OSError) as error:
            typer.echo(f"phiz: {error}", err=True)
            code = 2
        except KeyboardInterrupt:
            typer.echo("phiz: interrupted", err=True)
            code = 130
        raise typer.Exit(code)

    return run


app = typer.Typer(
    name="phiz",
    help="Who is in these pictures? Finds, aligns, describes, compares and clusters faces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    rich_markup_mode=None,
)
_COMMANDS = (
    detect, landmarks, describe, verify, identify, calibrate, cluster, crop, redact, attributes,
    classify,
    generate, colorize, hipsterize, compare_detectors, export, doctor, bench,
)  # fmt: skip
for module in _COMMANDS:
    app.command(help=module.HELP, name=module.NAME)(exiting(module.main))
models_app = typer.Typer(help=models.HELP, invoke_without_command=True, rich_markup_mode=None)
models_app.callback()(models.show)
for subcommand in (models.pull, models.verify, models.path, models.info, inspect.inspect):
    models_app.command()(exiting(subcommand))
models_app.command(name="import")(exiting(models.import_folder))
app.add_typer(models_app, name=models.NAME)
eval_app = typer.Typer(help=evaluate.HELP, no_args_is_help=True, rich_markup_mode=None)
for protocol in evaluate.PROTOCOLS:
    eval_app.command()(exiting(protocol))
app.add_typer(eval_app, name=evaluate.NAME)
clean_app = typer.Typer(help=clean.HELP, cls=clean.Group, rich_markup_mode=None)
clean_app.command(name="propose", help=clean.HELP)(exiting(clean.main))
clean_app.command(name="apply", help=clean.APPLY_HELP)(exiting(clean.apply))
app.add_typer(clean_app, name=clean.NAME)


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
