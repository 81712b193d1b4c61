"""The commands face_recognition and face_detection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from phiz.compat.face_recognition import api, face_detection_cli, face_recognition_cli
from phiz.compat.face_recognition.folders import image_files_in_folder

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def folders(
    pictures: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A folder of two known people and a picture of nobody, and one of pictures of strangers."""
    root = tmp_path_factory.mktemp("people")
    eileen = Image.fromarray(pictures["astronaut.png"][:300, 100:400])
    grace = Image.fromarray(pictures["grace_hopper.jpg"])
    blank = Image.new("RGB", (90, 90))
    known, unknown = root / "known", root / "unknown"
    known.mkdir()
    unknown.mkdir()
    eileen.save(known / "eileen.png")
    grace.save(known / "grace.JPG")
    blank.save(known / "nobody.png")
    (known / "notes.txt").write_text("no picture")
    both = Image.new("RGB", (300 + grace.width, max(300, grace.height)))
    both.paste(eileen, (0, 0))
    both.paste(grace, (300, 0))
    both.save(unknown / "both.jpeg", quality=95)
    grace.resize((grace.width * 4, grace.height * 4)).save(unknown / "large.jpg", quality=95)
    blank.save(unknown / "blank.png")
    grace.save(unknown / "grace.png")
    return known, unknown


def ran(command: Any, *arguments: object) -> tuple[int, list[str], BaseException | None]:
    result = CliRunner().invoke(command, [str(each) for each in arguments])
    return result.exit_code, result.output.splitlines(), result.exception


def test_faces_are_printed(folders: tuple[Path, Path]) -> None:
    picture = folders[1] / "both.jpeg"
    code, lines, _ = ran(face_detection_cli.main, picture)
    places = api.face_locations(api.load_image_file(picture), 0)
    assert code == 0
    assert len(places) == 2
    assert lines == [f"{picture},{','.join(map(str, place))}" for place in places]
    code, lines, _ = ran(face_detection_cli.main, folders[1] / "grace.png", "--model", "cnn")
    ((top, right, bottom, left),) = api.face_locations(
        api.load_image_file(folders[1] / "grace.png"), 0, "cnn"
    )
    assert lines == [f"{folders[1] / 'grace.png'},{top},{right},{bottom},{left}"]
    assert ran(face_detection_cli.main, folders[1] / "blank.png")[:2] == (0, [])


def test_people_are_printed(folders: tuple[Path, Path]) -> None:
    known, unknown = folders
    warning = f"WARNING: No faces found in {known / 'nobody.png'}. Ignoring file."
    code, lines, _ = ran(face_recognition_cli.main, known, unknown / "both.jpeg")
    assert (code, lines[0]) == (0, warning)
    both = unknown / "both.jpeg"
    assert sorted(lines[1:]) == [f"{both},eileen", f"{both},grace"]
    code, lines, _ = ran(face_recognition_cli.main, known, unknown / "blank.png")
    assert lines[1:] == [f"{unknown / 'blank.png'},no_persons_found"]
    code, lines, _ = ran(
        face_recognition_cli.main, known, unknown / "both.jpeg", "--tolerance", "0.01"
    )
    assert lines[1:] == [f"{both},unknown_person"] * 2
    code, lines, _ = ran(
        face_recognition_cli.main, known, known / "grace.JPG", "--show-distance", "1"
    )
    assert lines[1:] == [f"{known / 'grace.JPG'},grace,0.0"]
    code, lines, _ = ran(
        face_recognition_cli.main, known, unknown / "blank.png", "--show-distance", "true"
    )
    assert lines[1:] == [f"{unknown / 'blank.png'},no_persons_found,None"]


def test_several_faces_of_a_known_person_are_said(folders: tuple[Path, Path]) -> None:
    code, lines, _ = ran(face_recognition_cli.main, folders[1], folders[0] / "grace.JPG")
    both = folders[1] / "both.jpeg"
    said = f"WARNING: More than one face found in {both}. Only considering the first face."
    assert code == 0
    assert said in lines
    assert f"{folders[0] / 'grace.JPG'},large" in lines


@pytest.mark.parametrize("cpus", ["2", "-1"])
def test_pictures_side_by_side_print_the_same_in_the_same_order(
    folders: tuple[Path, Path], cpus: str
) -> None:
    for command, arguments in (
        (face_detection_cli.main, folders[1:]),
        (face_recognition_cli.main, folders),
    ):
        one = ran(command, *arguments)
        assert one[0] == 0
        assert len(one[1]) >= 4
        assert ran(command, *arguments, "--cpus", cpus)[:2] == one[:2]


def test_large_pictures_are_made_smaller_first(folders: tuple[Path, Path]) -> None:
    code, lines, _ = ran(face_recognition_cli.main, folders[0], folders[1] / "large.jpg")
    assert (code, lines[1:]) == (0, [f"{folders[1] / 'large.jpg'},grace"])


def test_options_and_exit_codes(folders: tuple[Path, Path], tmp_path: Path) -> None:
    wanted = {
        face_detection_cli.main: {"cpus": 1, "model": "hog"},
        face_recognition_cli.main: {"cpus": 1, "tolerance": 0.6, "show_distance": False},
    }
    for command, defaults in wanted.items():
        options = {each.name: each.default for each in command.params if each.opts[0][0] == "-"}
        assert options == defaults
        code, lines, _ = ran(command, "--help")
        assert (code, "Show this message and exit." in "".join(lines)) == (0, True)
        assert ran(command)[0] == 2
        assert ran(command, folders[0], folders[0], "--cpus", "many")[0] == 2
    code, _, error = ran(face_detection_cli.main, tmp_path / "nobody.jpg")
    assert (code, type(error)) == (1, FileNotFoundError)
    code, _, error = ran(face_detection_cli.main, folders[0], "--cpus", "0")
    assert (code, type(error)) == (1, ValueError)


def test_a_picture_that_cannot_be_read_ends_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    Image.open(folders[0] / "eileen.png").save(tmp_path / "good.png")
    for cpus in (1, 2):
        code, lines, error = ran(face_detection_cli.main, tmp_path, "--cpus", cpus)
        assert code == 1
        assert "bad.jpg" in str(error)
        if cpus > 1:
            assert len(lines) == 1


def test_which_files_are_pictures(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.JPEG", "c.png", "d.gif", "e.png.bak", "f"):
        (tmp_path / name).touch()
    found = sorted(Path(path).name for path in image_files_in_folder(str(tmp_path)))
    assert found == ["a.jpg", "b.JPEG", "c.png", "e.png.bak"]
