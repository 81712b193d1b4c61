"""The command ``face_detection``: prints where the faces in pictures are."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from phiz.compat.face_recognition import api
from phiz.compat.face_recognition.folders import image_files_in_folder, print_each

__all__ = ["image_files_in_folder", "main", "print_result", "test_image"]


def _line(filename: str, location: tuple[int, int, int, int]) -> str:
    return ",".join(str(value) for value in (filename, *location))


def print_result(filename: str, location: tuple[int, int, int, int]) -> None:
    """Print a picture's name and a place (top, right, bottom, left) in it."""
    click.echo(_line(filename, location))


def _lines(image_to_check: str, model: str) -> Iterator[str]:
    picture = api.load_image_file(image_to_check)
    for place in api.face_locations(picture, number_of_times_to_upsample=0, model=model):
        yield _line(image_to_check, place)


def test_image(image_to_check: str, model: str) -> None:
    """Print the faces of one picture, found without upsampling."""
    print_each([image_to_check], lambda file: _lines(file, model), 1)


@click.command()
@click.argument("image_to_check")
@click.option(
    "--cpus", default=1, help="Pictures of a folder to search at once; -1 means one per processor."
)
@click.option("--model", default="hog", help='How faces are found: "hog" or "cnn".')
def main(image_to_check: str, cpus: int, model: str) -> None:
    """Print where faces are, in one picture or in those of a folder.

    Each line is the file, top, right, bottom and left, with commas between.
    """
    if os.path.isdir(image_to_check):
        print_each(image_files_in_folder(image_to_check), lambda file: _lines(file, model), cpus)
    else:
        test_image(image_to_check, model)


if __name__ == "__main__":
    main()
