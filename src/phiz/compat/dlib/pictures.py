"""dlib's functions that read and write picture files.

Pictures are taken as they are in the file: EXIF's orientation is not applied.  PNG and BMP files
of 8 bits give dlib's pixels; of 16 bits dlib takes the lower half of a colour, phiz the upper
one.  A JPEG's differ where its colours are stored at half the size: dlib's wheel enlarges them in
a way of its own.  Formats that dlib's wheel does not read (GIF, WebP, TIFF ...) are read.
Source: dlib ``python/src/numpy_returns.cpp``, ``image_loader/load_image.h``, ``pixel.h``.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from phiz.checks import U8
from phiz.compat.dlib.binding import Overloads
from phiz.compat.dlib.failures import runtime_errors
from phiz.compat.dlib.images import Gray, Rgb, Rgba
from phiz.compat.dlib.kinds import Float32

__all__ = [
    "load_grayscale_image",
    "load_rgb_alpha_image",
    "load_rgb_image",
    "save_image",
    "write_picture",
]

_KNOWN = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"DNG", b"GIF", b"\xff\x0a", b"RIFF")
"""How files begin that dlib takes for pictures."""

load_rgb_image = Overloads("load_rgb_image", "Read a picture as (h, w, 3) uint8 RGB.")
load_grayscale_image = Overloads("load_grayscale_image", "Read a picture as (h, w) uint8.")
load_rgb_alpha_image = Overloads("load_rgb_alpha_image", "Read a picture as (h, w, 4) uint8 RGBA.")
save_image = Overloads("save_image", "Write a picture to a file, of the kind that its name says.")


def _channels(path: str) -> U8:
    """Read a file's pixels, (h, w, 1 to 4)."""
    from phiz.errors import ImageError
    from phiz.imaging import decode_channels

    unknown = f"Unknown image file format: Unable to load image in file {path}"
    try:
        data = Path(path).read_bytes()
    except IsADirectoryError as error:
        raise RuntimeError(unknown) from error
    except (OSError, ValueError) as error:
        raise RuntimeError(f"Unable to open file: {path}") from error
    try:
        return decode_channels(data, label=path)
    except ImageError as error:
        raise RuntimeError(str(error) if data.startswith(_KNOWN) else unknown) from error


def _opaque(pixels: U8) -> U8:
    """Lay colours (h, w, 4) over black, as dlib rounds it."""
    colour, alpha = pixels[:, :, :3], pixels[:, :, 3:].astype(np.uint16)
    return np.where(alpha == 255, colour, (colour * alpha) >> 8).astype(np.uint8)


def _mean(pixels: U8) -> U8:
    """Return the gray of colours (h, w, 3 or more)."""
    return (pixels[:, :, :3].astype(np.uint16).sum(axis=2) // 3).astype(np.uint8)


@load_rgb_image.add
def _(filename: str) -> Rgb:
    pixels = _channels(filename)
    if pixels.shape[2] == 4:
        return _opaque(pixels)
    # Of gray pictures dlib ignores what is transparent.
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels[:, :, :1], 3, axis=2)


@load_grayscale_image.add
def _(filename: str) -> Gray:
    pixels = _channels(filename)
    if pixels.shape[2] < 3:
        return np.ascontiguousarray(pixels[:, :, 0])
    gray = _mean(pixels)
    if pixels.shape[2] == 4:
        return (gray * pixels[:, :, 3].astype(np.uint16) // 255).astype(np.uint8)
    return gray


@load_rgb_alpha_image.add
def _(filename: str) -> Rgba:
    pixels = _channels(filename)
    colour = np.repeat(pixels[:, :, :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[:, :, :3]
    if pixels.shape[2] % 2:
        return np.dstack([colour, np.full_like(pixels[:, :, 0], 255)])
    return np.dstack([colour, pixels[:, :, -1]])


def write_picture(pixels: U8, path: str, quality: float = 75) -> None:
    """Write a picture (h, w), (h, w, 3) or (h, w, 4) as dlib's save_image does."""
    from phiz.imaging import encode

    suffix = next((end for end in (".bmp", ".png", ".jpg", ".jpeg") if _ends(path, end)), None)
    if suffix is None:
        if _ends(path, ".dng"):
            raise RuntimeError(f"{path}: phiz does not write dlib's own format, .dng")
        raise RuntimeError(
            "Unsupported image type, image path must end with one of [.bmp, .dng, .png, .jpg, jpeg]"
        )
    if not pixels.size:
        raise RuntimeError(f"{path}: an empty picture cannot be written, found {pixels.shape}")
    if pixels.shape[2:] == (4,) and suffix != ".png":
        pixels = _opaque(pixels)
    level = math.floor(min(max(quality, 0.0), 100.0) + 0.5)
    with runtime_errors():
        data = encode(pixels, suffix, quality=level)
    try:
        Path(path).write_bytes(data)
    except (OSError, ValueError) as error:
        jpeg = suffix in (".jpg", ".jpeg")
        start = f"Can't open file {path}" if jpeg else f"Unable to open {path}"
        raise RuntimeError(f"{start} for writing.") from error


def _ends(path: str, suffix: str) -> bool:
    return path.lower().endswith(suffix)


@save_image.add
def _(img: Rgb, filename: str, quality: Float32 = 75) -> None:
    write_picture(img, filename, quality)


@save_image.add
def _(img: Rgba, filename: str, quality: Float32 = 75) -> None:
    write_picture(img, filename, quality)


@save_image.add
def _(img: Gray, filename: str, quality: Float32 = 75) -> None:
    write_picture(img, filename, quality)
