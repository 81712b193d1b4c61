"""The command line: one file per command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``phiz`` with these arguments; returns the exit code.

    0: all well.  1: some inputs failed, the rest was done.  2: could not start.
    130: interrupted.
    """
    from phiz.cli.app import run_app

    try:
        return run_app(arguments)
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("phiz: interrupted", file=sys.stderr)  # noqa: T201
        return 130
