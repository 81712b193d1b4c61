"""The command line: one file per command."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``phiz`` with these arguments (the process's by default); returns the exit code.

    0: all well.  1: some inputs failed, the rest was done.  2: could not start.
    130: interrupted.
    """
    from phiz.cli.app import app

    try:
        app(args=None if arguments is None else list(arguments))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0
