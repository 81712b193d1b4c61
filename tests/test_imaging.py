"""Pictures as people have them."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from phiz.errors import ImageError, OptionError
from phiz.imaging import (
    as_image,
    decode,
    draw_faces,
    encode,
    is_picture_name,
    read_image,
    read_leniently,
    shrink,
    thumbnail,
)


def gradient(height: int = 6, width: int = 9) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 20, y * 30, 255 - x * 10], axis=2).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_lossless_formats_come_back_exactly() -> None:
    pixels = gradient()
    for kind in ("PNG", "BMP", "TIFF", "PPM", "TGA"):
        np.testing.assert_array_equal(decode(saved(Image.fromarray(pixels), kind)), pixels)
    lossless = saved(Image.fromarray(pixels), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode(lossless), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_can_be_left(orientation: int) -> None:
    upright = gradient()
    turns = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright, 1), 7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }  # fmt: skip
    stored = np.ascontiguousarray(turns[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(stored), "PNG", exif=exif)
    np.testing.assert_array_equal(decode(data), upright)
    np.testing.assert_array_equal(decode(data, orient=False), stored)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    gray = gradient()[..., 0]
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
        data = saved(image, "PNG")
        expected = np.repeat(gray[..., None], 3, axis=2)
    else:
        image = Image.fromarray(gradient()).convert(mode)
        kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
        data = saved(image, kind)
        expected = np.asarray(image.convert("RGB"))
    pixels = decode(data)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)


def test_a_sixteen_bit_picture_is_scaled_not_clipped() -> None:
    wide = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    pixels = decode(saved(Image.fromarray(wide), "PNG"))
    np.testing.assert_array_equal(pixels[..., 0], wide >> 8)


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("P", (8, 8), colour) for colour in (0, 1, 2)]
    for frame in frames:
        frame.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert decode(data)[0, 0].tolist() == [255, 0, 0]


def test_progressive_jpeg_is_as_good_as_baseline() -> None:
    image = Image.fromarray(np.kron(gradient(), np.ones((8, 8, 1), np.uint8)))
    progressive, baseline = (decode(saved(image, "JPEG", progressive=p)) for p in (True, False))
    assert np.abs(progressive.astype(int) - baseline).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
def test_truncated_files_are_an_error_that_names_them(kind: str) -> None:
    data = saved(Image.fromarray(np.kron(gradient(), np.ones((20, 20, 1), np.uint8))), kind)
    with pytest.raises(ImageError, match=r"holiday\.jpg"):
        decode(data[: len(data) // 2], label="holiday.jpg")


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"hello", b"\xff\xd8\xff", bytes(1000)])
def test_what_is_no_picture_is_an_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode(data)


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]))
def test_damaged_files_are_a_picture_or_an_error(noise: bytes, kind: str) -> None:
    data = bytearray(saved(Image.fromarray(gradient(30, 40)), kind))
    middle = len(data) // 2
    data[middle : middle + len(noise)] = noise
    try:
        pixels = decode(bytes(data))
    except ImageError:
        return
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


def test_a_huge_picture_is_refused_before_it_is_decoded() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))
    with pytest.raises(ImageError, match=r"3600\.0 megapixels.*--max-pixels"):
        decode(bomb)


def test_the_pixel_limit_can_be_set() -> None:
    data = saved(Image.fromarray(gradient(10, 10)), "PNG")
    assert decode(data, max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(ImageError, match="above the limit"):
        decode(data, max_pixels=99)


def test_a_missing_file_is_an_image_error(tmp_path: object) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_image(f"{tmp_path}/nowhere.jpg")
    with pytest.raises(ImageError):
        read_image(str(tmp_path))


def test_arrays_of_every_layout_are_taken() -> None:
    pixels = gradient()
    np.testing.assert_array_equal(as_image(pixels), pixels)
    flipped = pixels[:, ::-1]
    assert as_image(flipped).flags.c_contiguous
    np.testing.assert_array_equal(as_image(flipped), flipped)
    fortran = np.asfortranarray(pixels)
    np.testing.assert_array_equal(as_image(fortran), pixels)
    strided = np.zeros((12, 18, 3), np.uint8)
    strided[::2, ::2] = pixels
    np.testing.assert_array_equal(as_image(strided[::2, ::2]), pixels)
    frozen = pixels.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(as_image(frozen), pixels)


def test_colour_orders_are_what_the_caller_says() -> None:
    pixels = gradient()
    np.testing.assert_array_equal(as_image(pixels[..., ::-1], colour="BGR"), pixels)
    alpha = np.concatenate([pixels, np.zeros((6, 9, 1), np.uint8)], axis=2)
    np.testing.assert_array_equal(as_image(alpha), pixels)
    swapped = alpha[..., [2, 1, 0, 3]]
    np.testing.assert_array_equal(as_image(swapped, colour="BGRA"), pixels)
    with pytest.raises(ImageError, match="BGR does not fit 4 channels"):
        as_image(alpha, colour="BGR")
    with pytest.raises(OptionError, match="'HSV'"):
        as_image(pixels, colour="HSV")  # type: ignore[arg-type]


def test_gray_arrays_are_repeated_or_left() -> None:
    gray = gradient()[..., 0]
    for image in (gray, gray[..., None]):
        np.testing.assert_array_equal(as_image(image), np.repeat(gray[..., None], 3, axis=2))
        np.testing.assert_array_equal(as_image(image, gray=True), gray)


def test_pillow_images_are_taken() -> None:
    pixels = gradient()
    np.testing.assert_array_equal(as_image(Image.fromarray(pixels)), pixels)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (np.zeros((4, 4, 3)), "wanted dtype uint8"),
        (np.zeros((4, 4, 3), np.uint16), "uint16"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
        (3, "not int"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(bad: object, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        as_image(bad)  # type: ignore[arg-type]


def test_encoding_and_drawing() -> None:
    pixels = np.full((60, 80, 3), 30, np.uint8)
    boxes = np.array([[10, 12, 40, 42]], np.float32)
    drawn = draw_faces(pixels, boxes, ["me"], np.array([[[60, 50]]], np.float32))
    assert (pixels == 30).all()
    assert drawn[12, 20].tolist() == [0, 230, 90]
    assert drawn[41, 39].tolist() == [0, 230, 90]
    assert drawn[50, 60].tolist() == [255, 60, 60]
    np.testing.assert_array_equal(decode(encode(drawn, ".png")), drawn)
    assert np.abs(decode(encode(pixels, ".JPG")).astype(int) - pixels).max() <= 2
    with pytest.raises(ImageError, match=r"'\.xyz'"):
        encode(drawn, ".xyz")


def test_shrinking_keeps_the_shape_of_a_picture() -> None:
    assert shrink(np.zeros((100, 50, 3), np.uint8), 20).shape == (20, 10, 3)
    assert shrink(np.zeros((10, 5, 3), np.uint8), 20).shape == (10, 5, 3)


def test_names_of_pictures() -> None:
    assert [n for n in ("a.JPG", "b.txt", "c.webp", "._d.jpg", "e") if is_picture_name(n)] == [
        "a.JPG",
        "c.webp",
    ]


def noise_of(kind: str) -> bytes:
    """Return a file of this kind; a PNG has a note in it, which may come to be damaged."""
    pixels = np.random.default_rng(1).integers(0, 255, (40, 30, 3), np.uint8)
    options: dict[str, object] = {"icc_profile": bytes(200)} if kind == "PNG" else {}
    image = Image.fromarray(pixels)
    if kind == "progressive":
        return saved(image, "JPEG", progressive=True)
    return saved(image.convert("P") if kind == "GIF" else image, kind, **options)


KINDS = ["JPEG", "progressive", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP"]


@given(
    kind=st.sampled_from(KINDS),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=3),
    mode=st.sampled_from(["RGB", "L", None]),
)
def test_damaged_files_give_what_pillow_gives_when_it_is_lenient(
    kind: str, cut: float, flips: list[tuple[float, int]], mode: str | None
) -> None:
    data = bytearray(noise_of(kind))
    for place, change in flips:
        data[int(place * len(data))] ^= change
    file = bytes(data[: int(cut * len(data)) + 1])

    def answer(read: Callable[[], np.ndarray]) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return read()
            except Exception as error:  # noqa: BLE001 - whatever it is, both raise it
                return type(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        wanted = answer(lambda: np.array(convert(Image.open(io.BytesIO(file)), mode)))
    found = answer(lambda: read_leniently(io.BytesIO(file), mode))
    if isinstance(wanted, np.ndarray):
        assert isinstance(found, np.ndarray), (found, wanted.shape)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    else:
        assert found is wanted
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def convert(image: Image.Image, mode: str | None) -> Image.Image:
    return image.convert(mode) if mode else image


def test_half_a_file_is_half_a_picture() -> None:
    file = noise_of("JPEG")
    whole, half = (read_leniently(io.BytesIO(part)) for part in (file, file[: len(file) * 2 // 3]))
    np.testing.assert_array_equal(whole[:8], half[:8])
    assert whole.shape == half.shape
    assert (whole[-1] != half[-1]).any()


@pytest.mark.parametrize("shape", [(1200, 700, 3), (33, 1801, 3), (1000, 900)])
def test_thumbnails_are_pillows(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, shape, np.uint8)
    wanted = Image.fromarray(pixels)
    wanted.thumbnail((800, 800), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(thumbnail(pixels, 800), np.array(wanted))
