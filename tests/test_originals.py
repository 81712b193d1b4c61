"""Pictures that are changed and written back: what stays and what must not."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, JpegImagePlugin

from phiz.errors import ImageError, OptionError
from phiz.imaging import decode, decode_original, encode_original
from tests.test_imaging import gradient, saved

GPS = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)}
SECRET = bytes(range(256)) * 8  # what a preview would be


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 3, y * 4, 255 - x - y], axis=2).astype(np.uint8)


def told(orientation: int = 1) -> Image.Exif:
    """EXIF as cameras write it, with a place and a maker's preview."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera works"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageDescription] = "on the beach"
    exif[ExifTags.Base.XPComment] = SECRET[:200]
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.FNumber: 2.8,
        ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09",
        ExifTags.Base.MakerNote: SECRET,
        ExifTags.Base.UserComment: SECRET,
        ExifTags.Base.ExifImageWidth: 64,
    }
    exif[ExifTags.IFD.GPSInfo] = GPS
    return exif


def with_thumbnail(exif: bytes, thumbnail: bytes) -> bytes:
    """Put a second directory with a JPEG thumbnail behind EXIF data, as cameras do."""
    head, body = exif[:6], bytearray(exif[6:])
    order = "<" if body[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", body, 4)
    (count,) = struct.unpack_from(f"{order}H", body, first)
    end = len(body)
    struct.pack_into(f"{order}I", body, first + 2 + 12 * count, end)
    entries = [(0x0103, 3, 6), (0x0201, 4, end + 2 + 36 + 4), (0x0202, 4, len(thumbnail))]
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, value in entries:
        cell = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
        directory += struct.pack(f"{order}HHI", tag, kind, 1) + cell
    return head + bytes(body) + directory + bytes(4) + thumbnail


def photo(orientation: int = 1) -> bytes:
    """A JPEG with everything in it that may show the picture again."""
    thumbnail = saved(Image.fromarray(smooth(12, 16)), "JPEG")
    exif = with_thumbnail(told(orientation).tobytes(), thumbnail)
    data = saved(
        Image.fromarray(smooth()), "JPEG", quality=88, subsampling=1, exif=exif,
        icc_profile=b"profile" * 40, comment=b"a comment", xmp=b"<x:xmpmeta>thumbnail</x:xmpmeta>",
    )  # fmt: skip
    photoshop = b"\xff\xed" + struct.pack(">H", 16) + b"Photoshop 3.0\0"
    return data[:2] + photoshop + data[2:] + b"behind the end" + thumbnail


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def rewritten(data: bytes, **options: object) -> bytes:
    original = decode_original(data)
    return encode_original(original, original.pixels, **options)  # type: ignore[arg-type]


def test_the_photo_of_these_tests_has_what_must_go() -> None:
    image = opened(photo())
    exif = image.getexif()
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 31.0, 12.0)
    assert exif.get_ifd(ExifTags.IFD.IFD1)[0x0103] == 6
    assert photo().count(b"\xff\xd8\xff") == 3
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] == SECRET


@pytest.mark.parametrize("metadata", ["strip", "no-location", "keep"])
def test_metadata_is_kept_as_asked_and_previews_never(metadata: str) -> None:
    written = rewritten(photo(), metadata=metadata)
    image = opened(written)
    exif = image.getexif()
    assert image.info["icc_profile"] == b"profile" * 40
    assert written.count(b"\xff\xd8\xff") == 1
    for gone in (b"comment", b"thumbnail", b"Photoshop", b"behind", SECRET[:64]):
        assert gone not in written
    assert exif.get_ifd(ExifTags.IFD.IFD1) == {}
    assert bool(exif.get_ifd(ExifTags.IFD.GPSInfo)) == (metadata == "keep")
    if metadata == "strip":
        assert dict(exif) == {}
        assert b"Exif" not in written
        return
    assert exif[ExifTags.Base.Make] == "Camera works"
    assert exif[ExifTags.Base.ImageDescription] == "on the beach"
    inside = exif.get_ifd(ExifTags.IFD.Exif)
    assert inside[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
    assert set(inside) == {ExifTags.Base.DateTimeOriginal, ExifTags.Base.FNumber}
    if metadata == "keep":
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[4] == (13.0, 24.0, 36.0)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_metadata_of_other_kinds(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    exif = told(6).tobytes()
    data = saved(Image.fromarray(gradient()), kind, exif=exif, icc_profile=b"inks", **options)
    for metadata in ("strip", "no-location", "keep"):
        written = rewritten(data, metadata=metadata)
        again = opened(written)
        assert again.info["icc_profile"] == b"inks"
        assert again.getexif().get(ExifTags.Base.Make) == (
            None if metadata == "strip" else "Camera works"
        )
        assert bool(again.getexif().get_ifd(ExifTags.IFD.GPSInfo)) == (metadata == "keep")
        assert SECRET[:64] not in written
        np.testing.assert_array_equal(decode(written), decode(data))
        np.testing.assert_array_equal(decode(written, orient=False), decode(data))


def test_text_in_png_files_goes() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Raw profile type exif", "previews")
    info.add_itxt("XML:com.adobe.xmp", "<thumbnail/>")
    written = rewritten(saved(Image.fromarray(gradient()), "PNG", pnginfo=info), metadata="keep")
    assert b"previews" not in written
    assert b"thumbnail" not in written


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied(orientation: int) -> None:
    data = photo(orientation)
    for metadata in ("strip", "keep"):
        written = rewritten(data, metadata=metadata)
        assert ExifTags.Base.Orientation not in opened(written).getexif()
        wanted, found = decode(data), decode(written)
        assert found.shape == wanted.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
        assert np.abs(found.astype(int) - wanted).mean() < 1


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [40, 93])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_keeps_its_settings(subsampling: int, quality: int, progressive: bool) -> None:
    image = Image.fromarray(smooth())
    data = saved(image, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    before, after = opened(data), opened(rewritten(data))
    assert after.format == "JPEG"
    assert after.quantization == before.quantization
    assert JpegImagePlugin.get_sampling(after) == subsampling
    assert bool(after.info.get("progressive")) == progressive
    assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).mean() < 0.5


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_noise_is_written_back(
    mode: str, progressive: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Such files are larger than the buffer that Pillow has for optimising them."""
    image = noise(mode).resize((400, 300), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(5).integers(0, 256, np.asarray(image).shape, np.uint8)
    image = Image.frombytes(mode, (400, 300), grain.tobytes())
    data = saved(image, "JPEG", quality=97, subsampling=0)
    if progressive:  # of less noise, so that it can be made
        flat = Image.frombytes(mode, (400, 300), (grain // 6 + 100).tobytes())
        data = saved(flat, "JPEG", quality=90, subsampling=0, progressive=True)
    before, after = opened(data), opened(rewritten(data))
    assert (after.mode, after.quantization) == (mode, before.quantization)
    assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).mean() < 1
    assert capfd.readouterr().err == ""


def noise(mode: str) -> Image.Image:
    random = np.random.default_rng(4)
    if mode == "P":
        return Image.fromarray(random.integers(0, 256, (7, 9, 3), np.uint8)).quantize(16)
    if mode == "1":
        return Image.fromarray(random.integers(0, 2, (7, 9), np.uint8) * 255).convert("1")
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 65536, (7, 9)).astype(np.uint16))
    size = len(Image.new(mode, (9, 7)).tobytes())
    return Image.frombytes(mode, (9, 7), random.integers(0, 256, size, np.uint8).tobytes())


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *[("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")],
        *[("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")],
        *[("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")],
        *[("WEBP", mode) for mode in ("RGB", "RGBA")],
        *[("GIF", mode) for mode in ("L", "P")],
        *[("PPM", mode) for mode in ("L", "RGB")],
    ],
)
def test_lossless_pictures_come_back_exactly(kind: str, mode: str) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    data = saved(noise(mode), kind, **options)
    before = decode_original(data)
    np.testing.assert_array_equal(before.rgb, decode(data))
    written = encode_original(before, before.pixels)
    after = decode_original(written)
    assert after.kind == (kind if kind not in ("GIF", "PPM") else "PNG")
    assert after.mode == before.mode
    assert len(after.black) == (
        1 if after.mode in ("L", "LA", "I;16") else len(after.mode[:4]) - (after.mode == "RGBA")
    )
    np.testing.assert_array_equal(after.pixels, before.pixels)


def test_transparency_stays() -> None:
    palette = noise("P")
    palette.info["transparency"] = 3
    data = saved(palette, "PNG", transparency=3)
    original = decode_original(data)
    assert original.mode == "RGBA"
    assert set(np.unique(original.pixels[..., 3])) == {0, 255}
    np.testing.assert_array_equal(original.pixels, np.asarray(opened(data).convert("RGBA")))
    gray = decode_original(saved(noise("L"), "PNG", transparency=int(noise("L").getpixel((0, 0)))))
    assert gray.mode == "LA"
    assert gray.pixels[0, 0, 1] == 0


def test_cmyk_jpegs_keep_their_inks_and_are_black_in_key() -> None:
    inks = Image.fromarray(smooth()).convert("CMYK")
    original = decode_original(saved(inks, "JPEG", quality=95))
    assert (original.mode, original.black) == ("CMYK", (0, 0, 0, 255))
    again = opened(encode_original(original, original.pixels))
    assert again.mode == "CMYK"
    assert np.abs(np.asarray(again).astype(int) - original.pixels).mean() < 1


def test_another_kind_may_be_asked_for() -> None:
    original = decode_original(saved(noise("RGBA"), "PNG", icc_profile=b"inks"))
    jpeg = opened(encode_original(original, original.pixels, ".jpg"))
    assert (jpeg.format, jpeg.mode, jpeg.info["icc_profile"]) == ("JPEG", "RGB", b"inks")
    assert opened(encode_original(original, original.pixels, ".webp")).mode == "RGBA"
    inks = decode_original(saved(noise("CMYK"), "TIFF", icc_profile=b"inks"))
    png = opened(encode_original(inks, inks.pixels, ".png"))
    assert png.mode == "RGB"
    assert "icc_profile" not in png.info
    with pytest.raises(ImageError, match=r"'\.xyz'"):
        encode_original(inks, inks.pixels, ".xyz")
    with pytest.raises(OptionError, match="strip, no-location, keep, found 'some'"):
        encode_original(inks, inks.pixels, metadata="some")  # type: ignore[arg-type]


def test_colours_that_are_only_stored_otherwise_become_rgb() -> None:
    original = decode_original(saved(noise("RGB").convert("YCbCr").resize((16, 16)), "TIFF"))
    assert original.mode == "RGB"
    again = decode_original(encode_original(original, original.pixels))
    np.testing.assert_array_equal(again.rgb, original.rgb)


def test_lossy_webp_stays_lossy_and_lossless_lossless() -> None:
    for lossless in (True, False):
        data = saved(Image.fromarray(smooth()), "WEBP", lossless=lossless, icc_profile=b"inks")
        assert (b"VP8L" in rewritten(data)) == lossless


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_pages_are_refused(kind: str) -> None:
    frames = [Image.fromarray(gradient() + np.uint8(9 * shift)) for shift in range(3)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match=r"beach\.gif: wanted one picture, found 3 frames"):
        decode_original(data, label="beach.gif")


def test_of_a_jpeg_with_several_pictures_the_first_is_kept() -> None:
    frames = [Image.fromarray(smooth()), Image.fromarray(smooth()[::-1].copy())]
    data = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert opened(data).n_frames == 2
    written = rewritten(data, metadata="keep")
    assert opened(written).format == "JPEG"
    assert written.count(b"\xff\xd8\xff") == 1
    assert b"MPF" not in written


def deep_png() -> bytes:
    """A PNG with 16 bits in each of three channels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(3))
    header = struct.pack(">IIBBBBB", 2, 3, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_what_could_not_be_written_back_is_refused() -> None:
    with pytest.raises(ImageError, match="found colours of 16 bits"):
        decode_original(deep_png())
    assert decode(deep_png()).shape == (3, 2, 3)  # it can be looked at
    real = Image.fromarray(np.zeros((4, 4), np.float32))
    with pytest.raises(ImageError, match="wanted gray, RGB or CMYK, found F"):
        decode_original(saved(real, "TIFF"))
    with pytest.raises(ImageError, match="the file is empty"):
        decode_original(b"")
    with pytest.raises(ImageError, match="above the limit"):
        decode_original(photo(), max_pixels=100)


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]))
def test_damaged_files_are_written_back_or_an_error(noise: bytes, kind: str) -> None:
    data = bytearray(saved(Image.fromarray(gradient(30, 40)), kind))
    middle = len(data) // 2
    data[middle : middle + len(noise)] = noise
    check_rewriting(bytes(data))


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=12))
def test_damaged_metadata_is_written_back_or_an_error(changes: list[tuple[int, int]]) -> None:
    data = bytearray(photo())
    start = data.index(b"Exif\0\0")
    for place, value in changes:
        data[start + place] = value
    check_rewriting(bytes(data))


def check_rewriting(data: bytes) -> None:
    try:
        original = decode_original(data)
        written = encode_original(original, original.pixels, metadata="keep")
    except ImageError:
        return
    np.testing.assert_array_equal(original.rgb, decode(data))
    assert decode(written).shape == original.rgb.shape
