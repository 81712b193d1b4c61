"""Colour spaces as dlib's pixel types hold them, and the filters that work in them.

Every value is a byte.  Lab is CIE L*a*b* (D65): L * 255 / 100, a + 128, b + 128.  HSI is hue,
saturation and lightness over their whole range.
Source: dlib ``pixel.h`` (assign_pixel of lab_pixel and hsi_pixel) and ``spatial_filtering.h``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from phiz.checks import F64, U8, check
from phiz.errors import OptionError
from phiz.geometry import lround

__all__ = [
    "blur",
    "boost_saturation",
    "gray_of",
    "hsi_to_rgb",
    "lab_to_rgb",
    "rgb_to_hsi",
    "rgb_to_lab",
]

_PIECE = 1 << 16  # pixels converted at a time: what is between the bytes is float64
_BYTES = np.arange(256) / 255.0
_LINEAR = 100 * np.where(
    _BYTES > 0.04045, ((_BYTES + 0.055) / 1.055) ** 2.4, _BYTES / 12.92
)  # what sRGB's bytes mean

_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
_FROM_XYZ = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))
_WHITE = (95.047, 100.0, 108.883)


def _in_pieces(image: U8, convert: Callable[[U8], list[F64]], name: str) -> U8:
    """Return the picture with its three channels converted, a few pixels at a time."""
    check(image, (None, None, 3), dtype=np.uint8, name=name)
    flat = image.reshape(-1, 3)
    out = np.empty_like(flat)
    for start in range(0, len(flat), _PIECE):
        for channel, values in enumerate(convert(flat[start : start + _PIECE])):
            # A C++ double becomes a byte through an integer: it loses its fraction, then wraps.
            whole = np.trunc(values + 0.5).astype(np.int64)
            out[start : start + _PIECE, channel] = whole & 255
    return out.reshape(image.shape)


def _weighted(rows: tuple[tuple[float, ...], ...], parts: list[F64]) -> list[F64]:
    one, two, three = parts
    return [one * a + two * b + three * c for a, b, c in rows]


def rgb_to_lab(image: U8) -> U8:
    """Convert (h, w, 3) uint8 RGB to (h, w, 3) uint8 Lab."""

    def convert(pixels: U8) -> list[F64]:
        xyz = _weighted(_TO_XYZ, [_LINEAR[pixels[:, channel]] for channel in range(3)])
        x, y, z = (
            np.where(part > 0.008856, part ** (1.0 / 3), 7.787 * part + 16.0 / 116)
            for part in (value / white for value, white in zip(xyz, _WHITE, strict=True))
        )
        light = np.maximum(0.0, 116.0 * y - 16)
        a, b = (np.clip(value, -128.0, 127.0) for value in (500.0 * (x - y), 200.0 * (y - z)))
        return [light / 100 * 255, a + 128, b + 128]

    return _in_pieces(image, convert, "an RGB picture")


def lab_to_rgb(image: U8) -> U8:
    """Convert (h, w, 3) uint8 Lab to (h, w, 3) uint8 RGB; what RGB cannot show is clipped."""

    def convert(pixels: U8) -> list[F64]:
        light, a, b = (pixels[:, channel].astype(np.float64) for channel in range(3))
        y = (light / 255.0 * 100 + 16) / 116.0
        xyz = []
        for part, white in zip(
            ((a - 128) / 500.0 + y, y, y - (b - 128) / 200), _WHITE, strict=True
        ):
            cube = part**3
            linear = np.where(cube > 0.008856, cube, (part - 16.0 / 116) / 7.787)
            xyz.append(linear * white / 100.0)
        rgb = []
        for part in _weighted(_FROM_XYZ, xyz):
            curved = 1.055 * np.maximum(part, 0.0031308) ** (1 / 2.4) - 0.055
            value = np.where(part > 0.0031308, curved, 12.92 * part)
            rgb.append(np.clip(value, 0.0, 1.0) * 255.0)
        return rgb

    return _in_pieces(image, convert, "a Lab picture")


def rgb_to_hsi(image: U8) -> U8:
    """Convert (h, w, 3) uint8 RGB to (h, w, 3) uint8 hue, saturation, lightness.

    Hues between blue and red wrap around the byte as they do in dlib: -60 degrees is 214.
    """

    def convert(pixels: U8) -> list[F64]:
        r, g, b = (_BYTES[pixels[:, channel]] for channel in range(3))
        low, high = np.minimum(r, np.minimum(g, b)), np.maximum(r, np.maximum(g, b))
        delta, light = high - low, (low + high) / 2
        step = np.where(delta > 0, delta, 1.0)
        hue = np.select(
            [(high == r) & (high != g), (high == g) & (high != b), (high == b) & (high != r)],
            [(g - b) / step, 2 + (b - r) / step, 4 + (r - g) / step],
        )
        room = np.where(light < 0.5, 2 * light, 2 - 2 * light)
        inside = (light > 0) & (light < 1)
        saturation = np.divide(delta, room, out=np.zeros_like(delta), where=inside)
        return [hue * 60 / 360.0 * 255.0, saturation * 255.0, light * 255.0]

    return _in_pieces(image, convert, "an RGB picture")


def hsi_to_rgb(image: U8) -> U8:
    """Convert (h, w, 3) uint8 hue, saturation, lightness to (h, w, 3) uint8 RGB."""

    def convert(pixels: U8) -> list[F64]:
        hue, saturation, light = (_BYTES[pixels[:, channel]] for channel in range(3))
        hue = pixels[:, 0] / 255.0 * 360
        third = np.where(hue < 120, 0, np.where(hue < 240, 1, 2))
        falling, rising = (120 * (third + 1) - hue) / 60.0, (hue - 120 * third) / 60.0
        rgb = []
        for channel in range(3):
            pure = np.where(third == channel, falling, 0.0)
            pure = np.where((third + 1) % 3 == channel, rising, pure)
            mixed = 2 * saturation * np.minimum(pure, 1.0) + (1 - saturation)
            bright = (1 - light) * mixed + 2 * light - 1
            rgb.append(np.where(light < 0.5, light * mixed, bright) * 255.0)
        return rgb

    return _in_pieces(image, convert, "an HSI picture")


def boost_saturation(image: U8, boost: float = 0.17) -> U8:
    """Return the picture (h, w, 3) uint8 RGB with its saturation times 1 + boost, at most full."""
    hsi = rgb_to_hsi(image)
    factor = np.float32(1) + np.float32(boost)
    stronger = np.clip(lround(np.arange(256, dtype=np.float32) * factor), 0, 255).astype(np.uint8)
    hsi[:, :, 1] = stronger[hsi[:, :, 1]]
    return hsi_to_rgb(hsi)


def gray_of(image: U8) -> U8:
    """Return the luminance (h, w) uint8 of a picture (h, w, 3) uint8 RGB.

    0.299 R + 0.587 G + 0.114 B in float32, truncated.  Source: Colorify ``Model.h``.
    """
    check(image, (None, None, 3), dtype=np.uint8, name="an RGB picture")
    red, green, blue = (
        (np.arange(256, dtype=np.float32) * np.float32(weight))[image[:, :, channel]]
        for channel, weight in enumerate((0.299, 0.587, 0.114))
    )
    return np.asarray(red + green + blue).astype(np.uint8)


def blur(image: U8, sigma: float = 0.8) -> U8:
    """Return the picture (h, w, 3) uint8 RGB blurred by dlib's integer Gaussian.

    Pixels too near the border for the whole kernel are black, as dlib leaves them.
    sigma: pixels, more than 0 and less than 18.  Source: dlib ``spatial_filtering.h``.
    """
    check(image, (None, None, 3), dtype=np.uint8, name="an RGB picture")
    if not 0 < sigma < 18:
        raise OptionError(f"sigma: wanted more than 0 and less than 18 pixels, found {sigma:g}")
    reach = int(sigma * math.sqrt(2 * math.log(50)))  # where the bell is a fiftieth of its top
    taps = np.arange(-reach, reach + 1)
    bell = np.exp(-(taps * taps) / (2 * sigma * sigma))
    weights = [int(weight) for weight in lround(bell / bell[0])]
    height, width = image.shape[:2]
    out = np.zeros_like(image)
    rows, columns = height - 2 * reach, width - 2 * reach
    if rows <= 0 or columns <= 0:
        return out
    across = np.zeros((height, columns, 3), np.int32)
    for at, weight in enumerate(weights):
        across += weight * image[:, at : at + columns].astype(np.int32)
    down = np.zeros((rows, columns, 3), np.int32)
    for at, weight in enumerate(weights):
        down += weight * across[at : at + rows]
    out[reach : reach + rows, reach : reach + columns] = down // sum(weights) ** 2
    return out
