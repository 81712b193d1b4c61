"""The command ``face_recognition``: prints who is in pictures, of the people in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import click

from phiz.compat.face_recognition import api
from phiz.compat.face_recognition.folders import image_files_in_folder, print_each

__all__ = ["image_files_in_folder", "main", "print_result", "scan_known_people", "test_image"]

_LONGEST = 1600  # pixels; larger pictures are made smaller first


def scan_known_people(known_people_folder: str) -> tuple[list[str], list[Any]]:
    """Return the names of the people in a folder of pictures, and an encoding (128,) of each.

    A name is that of the file, without its ending.  Says which pictures show no face, and are
    left out, or several, of which the first counts.
    """
    names, encodings = [], []
    for file in image_files_in_folder(known_people_folder):
        found = api.face_encodings(api.load_image_file(file))
        if not found:
            click.echo(f"WARNING: No faces found in {file}. Ignoring file.")
            continue
        if len(found) > 1:
            click.echo(
                f"WARNING: More than one face found in {file}. Only considering the first face."
            )
        names.append(os.path.splitext(os.path.basename(file))[0])
        encodings.append(found[0])
    return names, encodings


def _line(filename: str, name: str, distance: float | None, show_distance: bool) -> str:
    return f"{filename},{name},{distance}" if show_distance else f"{filename},{name}"


def print_result(
    filename: str, name: str, distance: float | None, show_distance: bool = False
) -> None:
    """Print a picture's name, who is in it, and perhaps how far from the known picture."""
    click.echo(_line(filename, name, distance, show_distance))


def _lines(
    image_to_check: str,
    known_names: Sequence[str],
    known_face_encodings: Sequence[Any],
    tolerance: float,
    show_distance: bool,
) -> Iterator[str]:
    from phiz.imaging import thumbnail

    picture = api.load_image_file(image_to_check)
    if max(picture.shape) > _LONGEST:
        picture = thumbnail(picture, _LONGEST)
    found = api.face_encodings(picture)
    for encoding in found:
        near = [
            (name, distance)
            for name, distance in zip(
                known_names, api.face_distance(known_face_encodings, encoding), strict=True
            )
            if distance <= tolerance
        ]
        for name, distance in near or [("unknown_person", None)]:
            yield _line(image_to_check, name, distance, show_distance)
    if not found:
        yield _line(image_to_check, "no_persons_found", None, show_distance)


def test_image(
    image_to_check: str,
    known_names: Sequence[str],
    known_face_encodings: Sequence[Any],
    tolerance: float = 0.6,  # noqa: PT028 - the original's name; it is no test
    show_distance: bool = False,  # noqa: PT028
) -> None:
    """Print who is in one picture: a line for each known person that a face is near enough to."""
    known = (known_names, known_face_encodings, tolerance, show_distance)
    print_each([image_to_check], lambda file: _lines(file, *known), 1)


@click.command()
@click.argument("known_people_folder")
@click.argument("image_to_check")
@click.option(
    "--cpus", default=1, help="Pictures of a folder to look at at once; -1 means one per processor."
)
@click.option(
    "--tolerance",
    default=0.6,
    help="Faces at most this far apart are one person; lower it if people are confused.",
)
@click.option(
    "--show-distance", default=False, type=bool, help="Print also how far faces are apart."
)
def main(
    known_people_folder: str, image_to_check: str, cpus: int, tolerance: float, show_distance: bool
) -> None:
    """Print who is in one picture, or in those of a folder.

    The pictures in KNOWN_PEOPLE_FOLDER have one face each and the person's name as theirs.  Each
    line is the file and a name, with a comma between.
    """
    known = (*scan_known_people(known_people_folder), tolerance, show_distance)
    if os.path.isdir(image_to_check):
        files = image_files_in_folder(image_to_check)
        print_each(files, lambda file: _lines(file, *known), cpus)
    else:
        test_image(image_to_check, *known)


if __name__ == "__main__":
    main()
