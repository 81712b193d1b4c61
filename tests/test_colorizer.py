"""The colorizer against dlib's outputs, its colour spaces, and the command that uses it."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from phiz.backends.ort import compile_graph
from phiz.checks import U8
from phiz.cli.colorize import Targets, redraw
from phiz.errors import ImageError, OptionError, ShapeError
from phiz.formats.dlib_net import search_architectures
from phiz.graph.builder import GraphBuilder
from phiz.graph.ops import Op
from phiz.models import colour
from phiz.models.colorizer import PROGRAM_LIMIT, Colorizer, chroma_bytes
from phiz.nets import ARCHITECTURES
from phiz.runtime import Runtime

SMALL_PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


def array(path: Path) -> np.ndarray:
    with lzma.open(path) as file:
        return np.load(file)


def picture(path: Path, mode: str = "RGB") -> U8:
    return np.array(Image.open(path).convert(mode))


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "dlib" / "colorify"


@pytest.fixture(scope="module")
def colorizer(golden: Path) -> Colorizer:
    data = lzma.decompress((golden / "highres_colorify_pattern.dnn.xz").read_bytes())
    graph = search_architectures(data, "colorify", [ARCHITECTURES["cydral-colorify"]]).graph
    session = compile_graph(graph, threads=2)
    return Colorizer(session, name="pattern", identity="pattern", runtime=Runtime(2))


@pytest.fixture(scope="module")
def tiny() -> Colorizer:
    """One convolution: dark is blue, bright is orange, and everything stays in 0 to 31."""
    builder = GraphBuilder("tiny")
    value = builder.gray("image", 227, 227)
    scale: dict[str, Any] = {"mean": (0.0,), "scale": 1 / 256}
    value = builder.add(Op.TO_TENSOR, [value], attrs=scale)
    attrs: dict[str, Any] = {"strides": (1, 1), "pads": (0,) * 4, "groups": 1}
    params = {
        "weight": np.array([4.0, 12.0], np.float32).reshape(2, 1, 1, 1),
        "bias": np.array([14.0, 10.0], np.float32),
    }
    graph = builder.finish([builder.add(Op.CONV, [value], attrs=attrs, params=params)])
    session = compile_graph(graph, threads=1)
    return Colorizer(session, name="tiny", identity="tiny", runtime=Runtime(1))


@pytest.mark.shared
def test_colour_spaces_of_dlib_to_the_byte(golden: Path) -> None:
    lab, rgb = np.load(golden / "post_lab.npy"), picture(golden / "post_rgb.png")
    np.testing.assert_array_equal(colour.lab_to_rgb(lab), rgb)
    np.testing.assert_array_equal(colour.rgb_to_lab(rgb), np.load(golden / "post_rgb_to_lab.npy"))
    np.testing.assert_array_equal(colour.rgb_to_hsi(rgb), np.load(golden / "post_rgb_to_hsi.npy"))


@pytest.mark.shared
def test_options_of_the_program_to_the_byte(golden: Path) -> None:
    boosted = colour.boost_saturation(picture(golden / "post_rgb.png"))
    np.testing.assert_array_equal(boosted, picture(golden / "post_rgb_boosted.png"))
    blurred = picture(golden / "post_gaussian_blur_0.8_of_boosted.png")
    np.testing.assert_array_equal(colour.blur(boosted), blurred)


@pytest.mark.shared
def test_chroma_becomes_bytes_as_in_the_program(golden: Path) -> None:
    found = chroma_bytes(array(golden / "post_ab_input.npy.xz"))
    lab = np.load(golden / "post_lab.npy")
    np.testing.assert_array_equal(found, lab[:, :, 1:].transpose(2, 0, 1))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["pattern", "photo"])
def test_whole_pictures_of_dlib(golden: Path, colorizer: Colorizer, name: str) -> None:
    gray = picture(golden / f"in_{name}.png", "L")
    expected = array(golden / f"{name}_output.npy.xz")[0]
    found = colorizer.chroma(gray)
    # Sixty convolutions whose float32 sums have another order, relative to the largest value.
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())

    lab = np.concatenate([gray[None], chroma_bytes(expected)]).transpose(1, 2, 0)
    lab = colour.rgb_to_lab(colour.lab_to_rgb(np.ascontiguousarray(lab)))
    lab[:, :, 0] = gray
    rgb = colour.lab_to_rgb(lab)
    # Chroma is rounded to whole numbers: what is next to a half may go the other way.
    made = colorizer(_with_gray(gray))
    assert np.count_nonzero((made != rgb).any(axis=2)) <= 20
    boosted = colorizer(_with_gray(gray), boost=True)
    assert np.count_nonzero((boosted != colour.boost_saturation(rgb)).any(axis=2)) <= 20


def _with_gray(gray: U8) -> U8:
    """Return a picture whose luminance is exactly this: float32 truncation loses some levels."""
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    for level in np.flatnonzero(colour.gray_of(levels)[:, 0] != np.arange(256)):
        levels[level, 0, 2] += 1  # a little blue
    np.testing.assert_array_equal(colour.gray_of(levels)[:, 0], np.arange(256))
    return levels[gray, 0]


def test_chroma_outside_its_range() -> None:
    planes = np.array([[[-3.0, -0.2, 0.0, 0.5, 15.49, 15.5, 30.9, 31.0, 31.2, 900.0]]], np.float32)
    assert chroma_bytes(planes)[0, 0].tolist() == [0, 0, 0, 8, 123, 131, 255, 255, 31, 31]


def test_lab_of_an_independent_library() -> None:
    color = pytest.importorskip("skimage.color")
    rgb = np.random.default_rng(1).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    lab = color.rgb2lab(rgb)
    expected = np.stack([lab[..., 0] * 2.55, lab[..., 1] + 128, lab[..., 2] + 128], axis=-1)
    # Rounded to bytes, and a white point that differs in the fourth digit.
    assert np.abs(colour.rgb_to_lab(rgb) - np.clip(expected, 0, 255)).max() < 0.6


@given(SMALL_PICTURES)
def test_lab_comes_back(rgb: U8) -> None:
    lab = colour.rgb_to_lab(rgb)
    back = colour.rgb_to_lab(colour.lab_to_rgb(lab)).astype(int)
    assert np.abs(back - lab).max() <= 2  # rounded to bytes three times


@given(SMALL_PICTURES)
def test_grays_have_no_colour(rgb: U8) -> None:
    gray = np.repeat(rgb[:, :, :1], 3, axis=2)
    hsi = colour.rgb_to_hsi(gray)
    assert not hsi[:, :, :2].any()
    np.testing.assert_array_equal(colour.hsi_to_rgb(hsi), gray)
    np.testing.assert_array_equal(colour.boost_saturation(gray), gray)
    lab = colour.rgb_to_lab(gray)
    assert np.abs(lab[:, :, 1:].astype(int) - 128).max() <= 1


def test_pure_hues() -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 255]]], np.uint8)
    hsi = colour.rgb_to_hsi(rgb)
    assert hsi[0, :, 0].tolist() == [0, 85, 170, 214]  # dlib's -60 degrees, wrapped
    assert hsi[0, :, 1].tolist() == [255] * 4
    assert hsi[0, :, 2].tolist() == [128] * 4


def test_large_pictures_convert_piece_by_piece() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (300, 301, 3), dtype=np.uint8)
    for convert in (colour.rgb_to_lab, colour.lab_to_rgb, colour.rgb_to_hsi, colour.hsi_to_rgb):
        whole = convert(rgb)
        np.testing.assert_array_equal(convert(rgb[250:260, 40:50]), whole[250:260, 40:50])


def test_blur_of_a_dot() -> None:
    image = np.zeros((9, 9, 3), np.uint8)
    image[4, 4] = 225
    row = np.array([1, 10, 23, 10, 1])
    expected = 225 * np.outer(row, row) // 45**2
    np.testing.assert_array_equal(colour.blur(image)[2:7, 2:7, 1], expected)
    assert not colour.blur(np.full((4, 30, 3), 255, np.uint8)).any()  # no room for the kernel
    with pytest.raises(OptionError, match="less than 18"):
        colour.blur(image, 18)


@pytest.mark.parametrize("size", [(227, 227), (700, 811), (40, 31), (1, 1)])
def test_the_result_has_the_size_and_luminance_of_the_source(
    tiny: Colorizer, size: tuple[int, int]
) -> None:
    source = np.random.default_rng(3).integers(60, 180, (*size, 3), dtype=np.uint8)
    made = tiny(source)
    assert made.shape == source.shape
    assert made.dtype == np.uint8
    light = colour.rgb_to_lab(made)[:, :, 0].astype(int)
    # A byte of L is less than a byte of RGB, and nothing is clipped by colours this pale.
    assert np.abs(light - colour.gray_of(source)).max() <= 2


def test_the_sources_own_colours_are_not_looked_at(tiny: Colorizer) -> None:
    gray = np.random.default_rng(4).integers(0, 256, (50, 60), dtype=np.uint8)
    np.testing.assert_array_equal(tiny(gray), tiny(np.repeat(gray[:, :, None], 3, axis=2)))


def test_options(tiny: Colorizer) -> None:
    source = np.random.default_rng(5).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    assert tiny(source, limit=PROGRAM_LIMIT).shape == (226, 340, 3)
    assert tiny(source, limit=1).shape == (1, 1, 3)
    np.testing.assert_array_equal(tiny(source, limit=600), tiny(source))
    blurred = tiny(source, blur=True)
    border = np.ones(source.shape[:2], bool)
    border[2:-2, 2:-2] = False
    assert np.ptp(blurred[border].astype(int), axis=1).max() <= 1  # gray
    assert np.ptp(blurred[~border].astype(int), axis=1).max() > 20
    plain, boosted = (colour.rgb_to_hsi(tiny(source, boost=boost)) for boost in (False, True))
    assert boosted[:, :, 1].mean() > 1.1 * plain[:, :, 1].mean()


def test_bad_input_says_what_was_wanted(tiny: Colorizer) -> None:
    with pytest.raises(ImageError, match="uint8"):
        tiny(np.zeros((9, 9, 3), np.float32))
    with pytest.raises(OptionError, match="limit: wanted 1 or more pixels, found 0"):
        tiny(np.zeros((9, 9, 3), np.uint8), limit=0)
    with pytest.raises(ShapeError, match=r"a gray picture for tiny: wanted shape \(227, 227\)"):
        tiny.chroma(np.zeros((9, 9), np.uint8))
    with pytest.raises(ShapeError, match="a Lab picture"):
        colour.lab_to_rgb(np.zeros((9, 9), np.uint8))


def test_the_command_keeps_folders_and_goes_on_after_errors(
    tiny: Colorizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    (album / "old").mkdir(parents=True)
    gray = np.random.default_rng(6).integers(0, 256, (30, 40), dtype=np.uint8)
    Image.fromarray(gray).save(album / "a.png")
    Image.fromarray(gray).save(album / "old" / "b.gif")
    (album / "broken.jpg").write_bytes(b"no picture")
    found = [album / "a.png", album / "broken.jpg", album / "old" / "b.gif"]
    before = (album / "a.png").read_bytes()
    code = redraw(
        found,
        Targets(out, found),
        lambda image: (tiny(image), {}),
        "colouring",
        as_json=True,
        max_pixels=10**6,
    )
    told = capsys.readouterr()
    assert code == 1
    records = [json.loads(line) for line in told.out.splitlines()]
    assert records[0] == {
        "schema": 1, "path": str(album / "a.png"), "out": str(out / "a.png"),
        "width": 40, "height": 30,
    }  # fmt: skip
    assert "not a picture" in records[1]["error"]
    assert "2 pictures written, 1 failed" in told.err
    assert sorted(path.name for path in out.rglob("*.*")) == ["a.png", "b.gif.png"]
    np.testing.assert_array_equal(picture(out / "a.png"), tiny(gray))
    assert (album / "a.png").read_bytes() == before


def test_the_command_never_writes_over_a_source(tmp_path: Path) -> None:
    pictures = [tmp_path / "a.png", tmp_path / "b.gif", tmp_path / "b.gif.png"]
    targets = Targets(tmp_path, pictures)
    for path in pictures:
        with pytest.raises(OptionError, match="is a source"):
            targets.of(path)
    elsewhere = Targets(tmp_path / "out", pictures)
    assert elsewhere.of(pictures[1]) == tmp_path / "out" / "b.gif.png"
    with pytest.raises(OptionError, match="already"):
        elsewhere.of(pictures[2])
    with pytest.raises(OptionError, match="is a source"):
        Targets(pictures[0], pictures[:1]).of(pictures[0])
    pictures[0].touch()
    with pytest.raises(OptionError, match="wanted a folder, found a file"):
        Targets(pictures[0], pictures[1:])
