"""Pictures that are changed and written back as the files they were.

The part of :mod:`phiz.imaging` that knows what else a file holds than pixels; only imaging
imports it.  What is written is made anew from pixels and from what is listed here, so that
nothing else of a file can come along: no thumbnail, no preview, no second picture.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin

from phiz.checks import U8
from phiz.errors import ImageError

__all__ = ["Metadata", "Original", "eight_bit", "take_original", "write_original"]

Metadata: TypeAlias = Literal["strip", "no-location", "keep"]

_MODES: Mapping[str, tuple[str, ...]] = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("L", "LA", "RGB", "RGBA", "I", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("L", "RGB", "RGBA"),
    "TIFF": ("L", "LA", "RGB", "RGBA", "CMYK", "I", "I;16"),
}
"""What each kind of file that is written takes, by Pillow's names."""

_BLACK: Mapping[str, tuple[int, ...]] = {
    "L": (0,), "LA": (0,), "I": (0,), "I;16": (0,), "RGB": (0, 0, 0), "RGBA": (0, 0, 0),
    "CMYK": (0, 0, 0, 255),
}  # fmt: skip

_Base, _Ifd = ExifTags.Base, ExifTags.IFD
# Of EXIF's first directory the tags that tell about the picture.  In a TIFF file it also says
# where the pixels are, and everywhere it may hold XMP, IPTC and Photoshop's thumbnails.
_TOLD = (
    _Base.ImageDescription, _Base.Make, _Base.Model, _Base.XResolution, _Base.YResolution,
    _Base.ResolutionUnit, _Base.Software, _Base.DateTime, _Base.Artist, _Base.HostComputer,
    _Base.Copyright,
)  # fmt: skip
# What may hold a preview, sizes that turning the picture makes wrong, and a pointer to another
# directory.
_DROPPED = (_Base.MakerNote, _Base.ExifImageWidth, _Base.ExifImageHeight, _Ifd.Interop)
_MOST = 64  # raw bytes, or numbers, of a value that is kept: not enough for a preview


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """What a picture file holds, upright.

    pixels: (h, w) or (h, w, c), integers, in the colours of the file: ``mode`` is Pillow's name
        for them.  Palettes are looked up and single bits are 0 and 255.
    black: its colour in these pixels; alpha, where there is one, comes behind it.
    rgb: (h, w, 3) uint8, what :func:`phiz.imaging.decode` gives.
    kind: the kind of the file, by Pillow's name.
    settings: what makes the encoder write it alike.
    profile: the ICC colour profile.  exif: what EXIF tells and may be kept.
    """

    pixels: NDArray[Any]
    mode: str
    rgb: U8
    kind: str
    settings: Mapping[str, Any]
    profile: bytes | None
    exif: Mapping[int, Any]

    @property
    def black(self) -> tuple[int, ...]:
        """Black, one number per channel of colour."""
        return _BLACK[self.mode]


def eight_bit(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and floating point grayscale to 8 bits.

    Pillow's own conversion clips instead of scaling, which turns a 16-bit picture white.
    """
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint16)
        return Image.fromarray((wide >> 8).astype(np.uint8))
    if image.mode == "I":
        wide = np.asarray(image)
        # 16-bit files of some formats open in this mode; 8-bit ones do not use the range.
        scaled = wide >> 8 if wide.max(initial=0) > 255 else wide
        return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
    if image.mode == "F":
        real = np.nan_to_num(np.asarray(image))
        scaled = real * 255 if real.max(initial=0) <= 1 else real
        return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
    return image


def _is_wide_colour(image: Image.Image) -> bool:
    """Say whether Pillow is about to cut 16 bits a channel down to 8."""
    if image.mode.startswith("I"):
        return False
    for tile in getattr(image, "tile", ()):
        raw = tile[3] if isinstance(tile[3], str) else (tile[3] or [""])[0]
        if ";16" in str(raw):
            return True
    return False


def _editable(image: Image.Image, label: str) -> Image.Image:
    """Return the picture in a mode that is written back without loss."""
    if image.mode == "P" or "transparency" in image.info:
        plain = "LA" if image.mode in ("1", "L") else "RGBA"
        return image.convert(plain if image.has_transparency_data else "RGB")
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.asarray(image).astype(np.uint16))
    changed = {"1": "L", "PA": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}.get(image.mode)
    if changed:
        return image.convert(changed)
    if image.mode not in _BLACK:
        raise ImageError(
            f"{label}: wanted gray, RGB or CMYK, found {image.mode}, which cannot be written back "
            "as it is; convert it first"
        )
    return image


def _jpeg_settings(image: Image.Image, size: int) -> dict[str, Any]:
    """Return tables, subsampling and order of scans of a JPEG of ``size`` bytes, for upright."""
    across = image.getexif().get(_Base.Orientation) in (5, 6, 7, 8)  # rows become columns
    sampling = JpegImagePlugin.get_sampling(image)
    # Pillow has room for one byte a pixel where it orders or optimises, and fails beyond.
    fits = size < 0.75 * image.width * image.height
    settings: dict[str, Any] = {
        "subsampling": sampling if sampling in ((0, 2) if across else (0, 1, 2)) else 0,
        "progressive": fits and bool(image.info.get("progressive")),
        "optimize": fits,
    }
    tables = getattr(image, "quantization", {})
    if not 1 <= len(tables) <= 4 or sorted(tables) != list(range(len(tables))):
        return {**settings, "quality": 95}
    squares = [np.reshape(tables[number], (8, 8)) for number in range(len(tables))]
    upright = [(square.T if across else square).reshape(-1).tolist() for square in squares]
    return {**settings, "qtables": upright}


def _is_lossless_webp(data: bytes) -> bool:
    at = 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8L"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return False


def _default_settings(kind: str) -> dict[str, Any]:
    if kind == "JPEG":
        return {"quality": 95, "subsampling": 0}
    if kind == "WEBP":
        return {"quality": 95}
    return {"compression": "tiff_deflate"} if kind == "TIFF" else {}


def _settings(image: Image.Image, kind: str, data: bytes) -> dict[str, Any]:
    if kind == "JPEG":
        return _jpeg_settings(image, len(data))
    if kind == "WEBP" and _is_lossless_webp(data):
        return {"lossless": True, "exact": True}
    if kind == "TIFF" and image.info.get("compression") == "raw":
        return {}
    return _default_settings(kind)


def _harmless(tags: Mapping[int, Any]) -> dict[int, Any]:
    """Return the tags that hold words or a few numbers, and so no picture."""
    return {
        tag: value
        for tag, value in tags.items()
        if tag not in _DROPPED
        and (value.isprintable() if isinstance(value, str) else np.size(value) <= _MOST)
        and not (isinstance(value, bytes) and len(value) > _MOST)
    }


def _told(image: Image.Image) -> dict[int, Any]:
    """Return what EXIF tells, without thumbnails, previews, XMP and the orientation."""
    exif = image.getexif()
    told = {int(tag): exif[tag] for tag in _TOLD if tag in exif}
    for directory in (_Ifd.Exif, _Ifd.GPSInfo):
        inside = _harmless(exif.get_ifd(directory))
        if inside:
            told[int(directory)] = inside
    return _harmless(told)


def take_original(image: Image.Image, data: bytes, label: str) -> Original:
    """Take out of a file that was opened, and not yet decoded, what :class:`Original` says.

    data: the file.  Raises ImageError for what cannot be written back as it is, and whatever a
    decoder raises.
    """
    kind = "JPEG" if image.format == "MPO" else image.format or ""
    if kind != "JPEG" and getattr(image, "is_animated", False):
        raise ImageError(
            f"{label}: wanted one picture, found {getattr(image, 'n_frames', 'several')} frames or "
            "pages; take them apart first"
        )
    if _is_wide_colour(image):
        raise ImageError(
            f"{label}: wanted 8 bits a channel (or 16-bit gray), found colours of 16 bits, which "
            "cannot be written back as they are; convert it to 8 bits first"
        )
    settings = _settings(image, kind, data)
    image.load()
    profile = image.info.get("icc_profile")
    ImageOps.exif_transpose(image, in_place=True)
    exif = _told(image)
    edited = _editable(image, label)
    pixels = np.array(edited)
    rgb = pixels if edited.mode == "RGB" else np.array(eight_bit(edited).convert("RGB"), np.uint8)
    return Original(pixels, edited.mode, rgb, kind, settings, profile, exif)


def _converted(image: Image.Image, kind: str) -> Image.Image:
    """Return the picture in a mode that this kind of file takes."""
    if image.mode in _MODES[kind]:
        return image
    keeps_alpha = image.mode in ("LA", "RGBA") and "RGBA" in _MODES[kind]
    return eight_bit(image).convert("RGBA" if keeps_alpha else "RGB")


def write_original(
    original: Original, pixels: NDArray[Any], kind: str | None, metadata: Metadata
) -> bytes:
    """Return the bytes of a file like the original with other pixels.

    pixels: of the original's shape and dtype.
    kind: of the file to write; None for the original's own, or PNG where that is not written.
    """
    if kind is None:
        kind = original.kind if original.kind in _MODES else "PNG"
    settings = original.settings if kind == original.kind else _default_settings(kind)
    height, width = pixels.shape[:2]
    image = Image.frombytes(original.mode, (width, height), np.ascontiguousarray(pixels).tobytes())
    image = _converted(image, kind)
    options = dict(settings)
    # A profile of inks says nothing about RGB.
    if original.profile and (image.mode == "CMYK") == (original.mode == "CMYK"):
        options["icc_profile"] = original.profile
    told = {} if metadata == "strip" else dict(original.exif)
    if metadata == "no-location":
        told.pop(_Ifd.GPSInfo, None)
    if told and kind != "BMP":
        exif = Image.Exif()
        exif.update(told)
        options["exif"] = exif.tobytes()
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
