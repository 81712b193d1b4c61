"""What the two commands share: pictures of a folder, one after the other or side by side."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import click

__all__ = ["image_files_in_folder", "print_each"]

_PICTURE = re.compile(r".*\.(jpg|jpeg|png)", re.IGNORECASE)


def image_files_in_folder(folder: str) -> list[str]:
    """Return the pictures in a folder, by their names, in the order the system lists them.

    The original takes a name that goes on behind the ending, ``a.jpg.txt``, for a picture too.
    """
    return [os.path.join(folder, name) for name in os.listdir(folder) if _PICTURE.match(name)]


def print_each(files: Sequence[str], work: Callable[[str], Iterator[str]], cpus: int) -> None:
    """Print the lines of each picture, in the order of the pictures.

    cpus: how many pictures are worked on at once; -1 means as many as there are processors.
        With one the first error ends it; with more the others are finished first.

    Raises ValueError for fewer, and whatever the work raises.
    """
    if cpus == 1:
        for file in files:
            for line in work(file):
                click.echo(line)
        return
    if cpus < 1 and cpus != -1:
        raise ValueError("Number of processes must be at least 1")
    failed: Exception | None = None
    with ThreadPoolExecutor(os.cpu_count() if cpus == -1 else cpus) as pool:
        for future in [pool.submit(lambda file: list(work(file)), file) for file in files]:
            try:
                for line in future.result():
                    click.echo(line)
            except Exception as error:  # noqa: BLE001 - of whatever kind, it is raised below
                failed = failed or error
    if failed is not None:
        raise failed
