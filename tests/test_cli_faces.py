"""phiz crop, redact and compare-detectors: files, names, and what happens to bad input."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

import phiz
from phiz.cli import main
from phiz.facecache import FaceCache
from phiz.facefiles import Boxed, crop_file, redact_file
from phiz.imaging import read_image
from phiz.models.boxed import crop_boxes
from phiz.models.redaction import Redaction, redact
from phiz.pipeline import make_recipe
from tests.test_cli import run, start
from tests.test_originals import opened, photo, saved, told
from tests.test_pipeline import copy_kernels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: dict[str, np.ndarray]) -> Path:
    root = tmp_path_factory.mktemp("street")
    face = pictures["astronaut.png"][:320, 60:380]
    astronaut = Image.fromarray(face)
    astronaut.save(root / "astronaut.png")
    (root / "deep").mkdir()
    Image.fromarray(np.concatenate([face, face], axis=1)).save(root / "deep" / "twins.bmp")
    exif = told(6).tobytes()
    turned = astronaut.transpose(Image.Transpose.ROTATE_90)
    turned.save(root / "deep" / "turned.jpg", quality=92, exif=exif, icc_profile=b"inks" * 40)
    (root / "deep" / "beach.jpg").write_bytes(photo())
    (root / "broken.jpg").write_bytes(b"no picture")
    frames = [astronaut.convert("P"), Image.new("P", astronaut.size)]
    (root / "moving.gif").write_bytes(
        saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    )
    return root


def listed(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def records(out: str) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in out.splitlines()]
    assert all(line["schema"] == 1 for line in lines)
    return {Path(line["path"]).name: line for line in lines}


def test_crop_aligns_by_default(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path, five_points: Any, detector: Any
) -> None:
    out = tmp_path / "faces"
    code, text, err = run(capsys, "crop", folder, "--out", out, "--json")
    found = records(text)
    assert code == 1
    assert "not a picture" in found["broken.jpg"]["error"]
    assert f"phiz: {folder}/broken.jpg: not a picture" in err
    assert "5 faces in 5 pictures, 1 could not be read" in err
    assert listed(out) == [
        "astronaut_0.png", "deep/turned_0.png", "deep/twins_0.png", "deep/twins_1.png",
        "moving_0.png",
    ]  # fmt: skip
    face = found["astronaut.png"]["faces"][0]
    assert set(face) == {"box", "score", "label", "landmarks", "crop"}
    assert face["crop"] == str(out / "astronaut_0.png")
    image = read_image(folder / "astronaut.png")
    faces = detector(image)
    expected = phiz.align(image, five_points(image, faces))
    np.testing.assert_array_equal(read_image(face["crop"]), expected[0])
    assert face["box"] == faces.boxes[0].tolist()
    # The orientation counts: the chip of the turned JPEG is the same face, upright.
    turned = read_image(out / "deep" / "turned_0.png").astype(int)
    assert np.abs(turned - expected[0]).mean() < 4


def test_crop_boxes_with_every_option(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path, detector: Any
) -> None:
    words = ["crop", folder / "deep" / "twins.bmp", "--boxed", "--json", "--out"]
    image = read_image(folder / "deep" / "twins.bmp")
    faces = detector(image)
    code, text, _ = run(capsys, *words, tmp_path / "a", "--margin", 0.4)
    (record,) = records(text).values()
    assert code == 0
    for face, expected in zip(record["faces"], crop_boxes(image, faces, margin=0.4), strict=True):
        np.testing.assert_array_equal(read_image(face["crop"]), expected)
        assert face["landmarks"] is None
    run(capsys, *words, tmp_path / "b", "--margin", 3, "--pad", "--size", 60, "--format", "jpg")
    assert listed(tmp_path / "b") == ["twins_0.jpg", "twins_1.jpg"]
    crop = read_image(tmp_path / "b" / "twins_0.jpg")
    assert crop.shape == (60, 60, 3)
    assert crop[0].max() < 12  # black, above the picture
    side = float(faces.boxes[0, 2] - faces.boxes[0, 0])
    for smallest, count in ((side, 2), (side + 1, 0)):
        _, text, _ = run(capsys, *words, tmp_path / "c", "--min-size", smallest)
        assert len(records(text)["twins.bmp"]["faces"]) == count


def test_crops_of_pictures_of_one_stem_keep_the_endings(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    picture = opened((folder / "astronaut.png").read_bytes())
    for name in ("a.png", "a.bmp", "b.png", "a_0.png"):
        picture.save(source / name)
    code, _, _ = run(capsys, "crop", source, "--out", tmp_path / "out")
    assert code == 0
    assert listed(tmp_path / "out") == ["a.bmp_0.png", "a.png_0.png", "a_0_0.png", "b_0.png"]
    # A crop never takes a source's place, nor another picture's crop's.
    (source / "a.bmp").unlink()
    before = (source / "a_0.png").read_bytes()
    code, _, err = run(capsys, "crop", source, "--out", source)
    assert code == 1
    assert f"{source}/a_0.png is a source; give another --out" in err
    assert (source / "a_0.png").read_bytes() == before
    picture.save(source / "c.png")
    picture.save(source / "c.bmp")
    picture.save(source / "c.bmp.png")
    code, _, err = run(capsys, "crop", source, "--out", tmp_path / "more")
    assert code == 1
    assert f"c.bmp_0.png is written for {source}/c.bmp already" in err


@pytest.mark.parametrize("mode", ["blur", "pixelate", "box"])
def test_redact_covers_faces_and_nothing_else(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path, detector: Any, mode: Any
) -> None:
    out = tmp_path / "shown"
    code, text, err = run(capsys, "redact", folder, "--out", out, "--mode", mode, "--json")
    found = records(text)
    assert code == 1
    assert listed(out) == ["astronaut.png", "deep/beach.jpg", "deep/turned.jpg", "deep/twins.bmp"]
    assert "wanted one picture, found 2 frames or pages" in found["moving.gif"]["error"]
    assert "phiz: no face found in 1 picture: look at it" in err
    assert "4 faces in 4 pictures, 2 could not be read" in err
    for name in ("astronaut.png", "deep/twins.bmp"):
        image = read_image(folder / name)
        faces = detector(image)
        record = found[Path(name).name]
        assert [face["box"] for face in record["faces"]] == faces.boxes.tolist()
        assert record["out"] == str(out / name)
        np.testing.assert_array_equal(read_image(out / name), redact(image, faces, mode=mode))
    assert opened((out / "deep" / "twins.bmp").read_bytes()).format == "BMP"
    turned = opened((out / "deep" / "turned.jpg").read_bytes())
    assert turned.info["icc_profile"] == b"inks" * 40
    assert dict(turned.getexif()) == {}
    before, after = (read_image(at / "deep" / "turned.jpg").astype(int) for at in (folder, out))
    assert after.shape == before.shape == (320, 320, 3)
    outside = np.ones((320, 320), bool)
    x0, y0, x1, y1 = np.array(found["turned.jpg"]["faces"][0]["box"], int)
    grow = (x1 - x0) // 2
    outside[y0 - grow : y1 + grow, x0 - grow : x1 + grow] = False
    assert np.abs(after - before)[outside].mean() < 0.5
    beach = (out / "deep" / "beach.jpg").read_bytes()
    assert found["beach.jpg"]["faces"] == []
    assert beach.count(b"\xff\xd8\xff") == 1
    assert b"Exif" not in beach


def test_redact_keeps_what_is_asked(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path
) -> None:
    picture = folder / "deep" / "turned.jpg"
    for kept, located in (("keep", True), ("no-location", False)):
        out = tmp_path / f"{kept}.jpg"
        code, text, _ = run(capsys, "redact", picture, "--out", out, "--metadata", kept)
        assert (code, text) == (0, f"{picture}: {out}, 1 face\n")
        exif = opened(out.read_bytes()).getexif()
        assert exif[ExifTags.Base.Make] == "Camera works"
        assert ExifTags.Base.Orientation not in exif
        assert bool(exif.get_ifd(ExifTags.IFD.GPSInfo)) == located


def test_redact_by_name_and_by_content(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    picture = opened((folder / "astronaut.png").read_bytes())
    (source / "really.jpg").write_bytes(saved(picture, "PNG"))
    (source / "still.gif").write_bytes(saved(picture.quantize(200), "GIF"))
    (source / "old.jpe").write_bytes(saved(picture, "JPEG"))
    gray = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(gray).save(source / "wide.png")
    alpha = picture.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(picture.size))
    alpha.save(source / "alpha.webp", lossless=True, exact=True)
    code, text, _ = run(capsys, "redact", source, "--out", tmp_path / "out", "--ellipse", "--json")
    assert code == 0
    assert all(len(record["faces"]) == 1 for record in records(text).values())
    kinds = {
        name: opened((tmp_path / "out" / name).read_bytes()) for name in listed(tmp_path / "out")
    }
    assert {name: (image.format, image.mode) for name, image in kinds.items()} == {
        "alpha.webp": ("WEBP", "RGBA"),
        "old.jpe": ("JPEG", "RGB"),
        "really.jpg": ("PNG", "RGB"),
        "still.gif.png": ("PNG", "RGB"),
        "wide.png": ("PNG", kinds["wide.png"].mode),
    }
    assert kinds["wide.png"].mode.startswith("I")
    outside = np.asarray(kinds["wide.png"])[:40]
    np.testing.assert_array_equal(outside, gray[:40])
    np.testing.assert_array_equal(
        np.asarray(kinds["alpha.webp"])[..., 3], np.asarray(alpha)[..., 3]
    )
    single = tmp_path / "one.png"
    run(capsys, "redact", source / "old.jpe", "--out", single)
    assert opened(single.read_bytes()).format == "PNG"


def test_sources_are_never_written_over(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    code, out, err = run(capsys, "redact", folder, "--out", folder)
    assert (code, out) == (1, "")
    assert f"{folder}/astronaut.png is a source; give another --out" in err
    assert all(path.read_bytes() == content for path, content in before.items())
    assert not (folder / "moving.gif.png").exists()


def test_a_second_run_remembers_and_gives_the_same(
    folder: Path, tmp_path: Path, own_cache: Path, detector: Any, five_points: Any
) -> None:
    seen = []

    class Counting:
        name, identity, device, options = "counting", "counting", "cpu", None

        def __call__(self, image: Any, **options: Any) -> Any:
            seen.append(image.shape)
            return detector(image, **options)

    counting: Any = Counting()
    picture = folder / "astronaut.png"
    recipe = make_recipe(counting, five_points, None, upsample=0, threshold=0.0)
    only_faces = make_recipe(counting, None, None, upsample=0, threshold=0.0)
    with FaceCache() as cache:
        for _ in range(2):
            redact_file(picture, only_faces, Redaction(), tmp_path / "a.png", cache=cache)
            assert len(seen) == 1
        for cut in (phiz.DLIB_150, Boxed()):
            table = crop_file(picture, recipe, cut, lambda _: tmp_path / "b.png", cache=cache)
            assert (len(seen), len(table)) == (2, 1)
            assert table.attributes["crop"].tolist() == [str(tmp_path / "b.png")]
    bare = crop_file(picture, only_faces, phiz.DLIB_150, lambda _: tmp_path / "c.png")
    assert "aligned crops want landmarks" in str(bare.pictures[0].error)
    assert str(picture) in str(bare.pictures[0].error)
    assert not (tmp_path / "c.png").exists()


def test_a_file_that_cannot_be_written_is_reported(
    capsys: Any, folder: Path, tmp_path: Path, own_cache: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").write_text("in the way")
    for words in (["crop"], ["redact"]):
        code, text, err = run(capsys, *words, folder / "deep", folder / "astronaut.png",
                              "--out", tmp_path / "out", "--json")  # fmt: skip
        assert code == 1
        assert "error" in records(text)["twins.bmp"]
        assert records(text)["astronaut.png"]["faces"]
        assert "Traceback" not in err
    assert (tmp_path / "out" / "deep").read_text() == "in the way"


def test_compare_detectors_prints_tables(capsys: Any, folder: Path, detector: Any) -> None:
    words = ["compare-detectors", folder, "--detectors", "dlib-hog-frontal"]
    code, text, err = run(capsys, *words, "--threads", 2)
    assert code == 1
    assert "not a picture" in err
    lines = text.splitlines()
    assert re.fullmatch(r"5 pictures, \d+ threads?", lines[0])
    assert lines[1].split() == ["detector", "faces", "pictures", "with", "a", "face", "pictures/s"]
    assert lines[2].split()[:3] == ["dlib-hog-frontal", "5", "4"]
    assert len(lines) == 3
    path = Path(phiz.__file__).parent / "data" / "dlib_frontal_face_detector.svm"
    words[-1] += f", {path}"
    code, text, _ = run(capsys, *words, "--upsample", 0)
    assert text.splitlines()[-1].split() == ["dlib-hog-frontal", str(path), "5", "0", "0", "1.000"]
    _, text, _ = run(capsys, *words, "--json")
    said = json.loads(text)
    assert (said["pictures"], said["failed"], said["overlap"]) == (5, 1, 0.4)
    assert said["agreements"] == [
        {"one": "dlib-hog-frontal", "other": str(path), "matched": 5, "only_one": 0,
         "only_other": 0, "f1": 1.0}
    ]  # fmt: skip
    assert said["threads"] >= 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["crop", "x.png", "--out", "{file}"], "wanted a folder, found a file"),
        (["crop", "x.png", "--out", "o", "--margin", "1"], "--margin does not apply to aligned"),
        (["crop", "x.png", "--out", "o", "--pad"], "--pad does not apply to aligned"),
        (["crop", "x.png", "--out", "o", "--boxed", "--padding", "1"], "--padding does not apply"),
        (
            ["crop", "x.png", "--out", "o", "--boxed", "--landmarks", "dlib-landmarks-5"],
            "--landmarks does not apply to --boxed",
        ),
        (["redact", "x.png", "--out", "o", "--mode", "smear"], "'smear'"),
        (["redact", "x.png", "--out", "o", "--margin", "-1"], "'--margin'"),
        (["redact", "x.png", "--out", "o", "--detector", "nothing"], "no model or file 'nothing'"),
        (["compare-detectors", "x.png", "--detectors", ","], "wanted names with commas between"),
        (["compare-detectors", "x.png", "--detectors", "dlib-landmarks-5"], "wanted a detector"),
    ],
)
def test_what_cannot_start_says_why_and_exits_with_2(
    capsys: Any, tmp_path: Path, words: list[str], said: str
) -> None:
    file = tmp_path / "file.txt"
    file.write_text("")
    code, out, err = run(capsys, *(word.format(file=file) for word in words))
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_help_shows_an_example(capsys: Any) -> None:
    for name in ("crop", "redact", "compare-detectors"):
        code, out, _ = run(capsys, name, "--help")
        assert code == 0
        assert f"phiz {name}" in out.split("Example:")[1]


@pytest.mark.parametrize("command", ["crop", "redact"])
def test_interrupting_leaves_nothing_half_written(
    command: str, folder: Path, tmp_path: Path
) -> None:
    cache, out, many = tmp_path / "cache", tmp_path / "out", tmp_path / "many"
    copy_kernels(cache)
    many.mkdir()
    for number in range(60):
        (many / f"{number}.png").write_bytes((folder / "astronaut.png").read_bytes())
    words = [command, "--upsample", "2", "--json", "--no-cache", "--threads", "1"]
    process = start(many, *words, "--out", str(out), cache=cache)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["faces"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (130, -signal.SIGINT)  # see tests/test_cli.py
    assert "phiz: interrupted" in err
    assert "Traceback" not in err
    assert list(out.rglob("*.part")) == []
    written = listed(out)
    assert 1 <= len(written) < 60
    for name in written:
        read_image(out / name)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom phiz.cli import main\n"
        "for name in ('crop', 'redact', 'compare-detectors'):\n    assert main([name, '-h']) == 0\n"
        "assert not {'PIL', 'numba', 'onnxruntime', 'numpy.fft'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert main(["crop", "-h"]) == 0
