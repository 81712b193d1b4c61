"""Pictures in and out: with the modules below it the only importer of Pillow.

Everything inside phiz is ``(h, w, 3)`` uint8 RGB, C-contiguous.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from PIL import UnidentifiedImageError as _Unidentified

from phiz.checks import F32, U8
from phiz.errors import ImageError, OptionError
from phiz.lenient import decode_leniently
from phiz.originals import Metadata, Original, eight_bit, take_original, write_original

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Colour",
    "ImageLike",
    "Metadata",
    "Original",
    "Shape",
    "as_image",
    "decode",
    "decode_channels",
    "decode_original",
    "draw_faces",
    "draw_shapes",
    "encode",
    "encode_original",
    "gray_square",
    "is_picture_name",
    "read_content",
    "read_image",
    "read_leniently",
    "resized",
    "shrink",
    "thumbnail",
]

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | np.ndarray[Any, Any] | Image.Image"
Colour: TypeAlias = Literal["RGB", "BGR", "RGBA", "BGRA", "GRAY"]

Shape: TypeAlias = tuple[
    Literal["box", "line", "circle"], tuple[float, float, float, float], tuple[int, int, int]
]
"""What is drawn, x0 y0 x1 y1 of its corners or ends (inclusive, x1 >= x0 unless a line), RGB."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused unless the caller allows more: 100 megapixels are 300 MB."""

# Only formats that decode without running another program.  Pillow has the common ones ready; it
# searches for plugins before it knows the others.
_COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_OTHERS = ("AVIF", "DIB", "JPEG2000", "TGA", "TIFF", "WEBP")
SUFFIXES = frozenset(
    (
        ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm",
        ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
    )
)  # fmt: skip
"""File name endings of pictures, lower case."""

_WRITTEN = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_CHANNELS: dict[Colour, tuple[int, ...]] = {
    "RGB": (0, 1, 2),
    "BGR": (2, 1, 0),
    "RGBA": (0, 1, 2),
    "BGRA": (2, 1, 0),
    "GRAY": (0, 0, 0),
}
_FARTHEST = 2**20  # where a shape ends that goes on beyond
_open_lock = threading.Lock()


def is_picture_name(name: str) -> bool:
    """Say whether a file of this name is looked at when a folder is searched."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("._")


def _identify(data: io.BytesIO) -> Image.Image:
    """Open a picture in one of the formats above, without decoding it yet."""
    try:
        return Image.open(data, formats=_COMMON)
    except _Unidentified:
        Image.init()
        return Image.open(data, formats=[name for name in _OTHERS if name in Image.OPEN])


def _identify_within_limit(data: bytes) -> Image.Image:
    """Open a picture under Pillow's own limit of pixels."""
    with _open_lock:  # not while the limit is off
        return _identify(io.BytesIO(data))


def _open(data: io.BytesIO, max_pixels: int, label: str) -> Image.Image:
    with _open_lock, warnings.catch_warnings():
        # Pillow's own size limit is a module global: phiz states its limit per call instead.
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = _identify(data)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{label}: {width} x {height} is {width * height / 1e6:.1f} megapixels, above the "
            f"limit of {max_pixels / 1e6:.1f}; allow it with max_pixels (--max-pixels)"
        )
    return image


@contextlib.contextmanager
def _explained(data: bytes, label: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an ImageError, and nothing to decode too."""
    if not data:
        raise ImageError(f"{label}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no reason to refuse a picture
            yield
    except ImageError:
        raise
    except _Unidentified:
        raise ImageError(f"{label}: not a picture in a format phiz reads") from None
    except MemoryError as error:
        raise ImageError(f"{label}: not enough memory to decode it") from error
    except Exception as error:
        raise ImageError(f"{label}: cannot be decoded: {error}") from error


def decode(
    data: bytes, *, label: str = "picture", max_pixels: int = MAX_PIXELS, orient: bool = True
) -> U8:
    """Decode the bytes of a picture file.

    data: JPEG, PNG, GIF, WebP, TIFF, BMP, PPM, TGA, JPEG 2000 or AVIF; of an animation the first
        frame; any mode.  Transparency is dropped, not blended.
    label: what error messages call the picture.
    orient: apply the EXIF orientation, as every viewer does.

    Returns (h, w, 3) uint8 RGB.  Raises ImageError for what is empty, truncated, no picture at
    all, or larger than ``max_pixels``.
    """
    with _explained(data, label):
        image = _open(io.BytesIO(data), max_pixels, label)
        image.load()
        if orient:
            ImageOps.exif_transpose(image, in_place=True)
        rgb = eight_bit(image).convert("RGB")
        return np.array(rgb, np.uint8)


def read_content(source: str | os.PathLike[str], label: str | None = None) -> bytes:
    """Return the bytes of a picture's file; ImageError if it cannot be read.

    label: what the error calls it, by default its path.
    """
    try:
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        raise ImageError(f"{label or source}: {error.strerror or error}") from error


def read_image(
    source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS, orient: bool = True
) -> U8:
    """Read a picture from a file or from its bytes; see :func:`decode`.

    Returns (h, w, 3) uint8 RGB, with the EXIF orientation applied.  Raises ImageError.
    """
    if isinstance(source, bytes):
        return decode(source, max_pixels=max_pixels, orient=orient)
    data = read_content(source)
    return decode(data, label=str(source), max_pixels=max_pixels, orient=orient)


def decode_channels(data: bytes, *, label: str = "picture", max_pixels: int = MAX_PIXELS) -> U8:
    """Decode the bytes of a picture file to the channels that it has, upright or not.

    Returns (h, w, c) uint8, c being 1 for gray, 2 for gray and alpha, 3 for RGB, 4 for RGB and
    alpha; a palette's colours, and a colour that stands for transparency, count as such.  Raises
    ImageError as :func:`decode` does.
    """
    with _explained(data, label):
        image = _open(io.BytesIO(data), max_pixels, label)
        image.load()
        gray = image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")
        clear = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
        if gray and not clear:
            return np.array(eight_bit(image).convert("L"), np.uint8)[:, :, None]
        if not clear:
            return np.array(eight_bit(image).convert("RGB"), np.uint8)
        pixels = np.array(eight_bit(image).convert("RGBA"), np.uint8)
        return np.ascontiguousarray(pixels[:, :, 2:]) if gray else pixels


def as_image(source: ImageLike, *, colour: Colour | None = None, gray: bool = False) -> U8:
    """Turn whatever holds a picture into (h, w, 3) uint8 RGB, C-contiguous.

    source: a path, the bytes of a file, a Pillow image, or a uint8 array (h, w), (h, w, 1),
        (h, w, 3) or (h, w, 4) of any strides.
    colour: order of an array's channels; by default GRAY, RGB or RGBA by their number.  Pictures
        read by OpenCV are ``"BGR"``.  An alpha channel is dropped.
    gray: leave a one-channel array as (h, w): dlib treats it differently from a gray RGB one.

    Raises ImageError: for other dtypes, whose range cannot be guessed, and for empty pictures.
    """
    if isinstance(source, (str, os.PathLike, bytes)):
        return read_image(source)
    if isinstance(source, Image.Image):
        return np.array(eight_bit(source).convert("RGB"), np.uint8)
    if not isinstance(source, np.ndarray):
        raise ImageError(
            f"a picture is a path, bytes, a Pillow image or an array, not {type(source).__name__}"
        )
    if source.dtype != np.uint8:
        raise ImageError(
            f"picture array: wanted dtype uint8 (0 to 255), found {source.dtype}; scale it first, "
            "for example (255 * x).round().astype('uint8') for values in 0 to 1"
        )
    if source.ndim not in (2, 3) or (source.ndim == 3 and source.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"picture array: wanted (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), found {source.shape}"
        )
    if 0 in source.shape:
        raise ImageError(f"picture array: wanted at least one pixel, found {source.shape}")
    channels = 1 if source.ndim == 2 else source.shape[2]
    order: Colour = colour or {1: "GRAY", 3: "RGB", 4: "RGBA"}[channels]  # type: ignore[assignment]
    if order not in _CHANNELS:
        raise OptionError(f"colour: wanted one of {', '.join(_CHANNELS)}, found {colour!r}")
    if channels != (1 if order == "GRAY" else len(order)):
        raise ImageError(f"picture array: {order} does not fit {channels} channels")
    if order == "GRAY":
        plane = np.ascontiguousarray(source.reshape(source.shape[:2]))
        return plane if gray else np.repeat(plane[:, :, None], 3, axis=2)
    return np.ascontiguousarray(source[:, :, list(_CHANNELS[order])] if order != "RGB" else source)


def _written_kind(suffix: str) -> str:
    name = _WRITTEN.get(suffix.lower())
    if name is None:
        raise ImageError(
            f"cannot write pictures that end in {suffix!r}: wanted one of {', '.join(_WRITTEN)}"
        )
    return name


def encode(image: U8, suffix: str, *, quality: int = 90) -> bytes:
    """Return the picture (h, w, 3) uint8 RGB as the bytes of a file of this ending.

    A PNG may be gray, (h, w), or have an alpha channel, (h, w, 4); a JPEG or BMP may be gray.
    Raises ImageError for endings that phiz does not write.
    """
    name = _written_kind(suffix)
    buffer = io.BytesIO()
    options = {"quality": quality} if name in ("JPEG", "WEBP") else {}
    Image.fromarray(image).save(buffer, name, **options)
    return buffer.getvalue()


def decode_original(
    data: bytes, *, label: str = "picture", max_pixels: int = MAX_PIXELS
) -> Original:
    """Decode the bytes of a picture file to be changed and written back.

    Raises ImageError as :func:`decode` does, and for animations, for files of several pages, and
    for colours that could not be written back as they are.
    """
    with _explained(data, label):
        return take_original(_open(io.BytesIO(data), max_pixels, label), data, label)


def encode_original(
    original: Original,
    pixels: NDArray[Any],
    suffix: str | None = None,
    *,
    metadata: Metadata = "strip",
) -> bytes:
    """Return the bytes of a file like the original with other pixels.

    A JPEG keeps its quantisation tables and subsampling, a TIFF whether it is packed, a WebP
    whether it is lossless.  The orientation has been applied.

    pixels: of the original's shape and dtype.
    suffix: the ending of the file, where it is to be of another kind.  By default it is of the
        original's kind, or PNG where phiz does not write that.
    metadata: ``strip`` keeps the colour profile only.  ``keep`` also keeps what EXIF tells of
        camera, exposure, date, author and place, and ``no-location`` that without the place.
        Thumbnails, maker notes, XMP, IPTC and further pictures in the file are never kept: they
        may show what the pixels no longer do.

    Raises ImageError for endings that phiz does not write and for what cannot be encoded.
    """
    kind = None if suffix is None else _written_kind(suffix)
    if metadata not in get_args(Metadata):
        known = ", ".join(get_args(Metadata))
        raise OptionError(f"metadata: wanted one of {known}, found {metadata!r}")
    try:
        return write_original(original, pixels, kind, metadata)
    except Exception as error:  # EXIF may hold anything
        raise ImageError(f"cannot be written: {error}") from error


def resized(image: U8, longest: int) -> U8:
    """Return the picture with its longer side ``longest`` pixels, smoothly resampled."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS), np.uint8)


def shrink(image: U8, longest: int) -> U8:
    """Return the picture with its longer side at most ``longest`` pixels, smoothly resampled."""
    return image if longest >= max(image.shape[:2]) else resized(image, longest)


def read_leniently(
    source: str | bytes | os.PathLike[str] | BinaryIO, mode: str | None = "RGB"
) -> NDArray[Any]:
    """Read a picture as programs do that set Pillow's LOAD_TRUNCATED_IMAGES, without setting it.

    source: a path, or an open binary file, which is read from its start.
    mode: Pillow's name of the colours wanted; None leaves those of the file.

    Returns what ``numpy.array`` makes of the picture: (h, w, 3) uint8 for RGB, (h, w) for L; the
    EXIF orientation is not applied, and what is missing of a truncated file is black or gray.
    Pillow's own limit of pixels is in force.  Raises Pillow's errors and OSError.
    """
    if isinstance(source, (str, bytes, os.PathLike)):
        with open(source, "rb") as file:
            data = file.read()
    else:
        with contextlib.suppress(AttributeError, io.UnsupportedOperation):
            source.seek(0)
        data = source.read()
    try:
        image = decode_leniently(data, _identify_within_limit)
    except _Unidentified:
        raise _Unidentified(f"cannot identify image file {source!r}") from None
    return np.array(image.convert(mode) if mode else image)


def thumbnail(image: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return the picture, (h, w, 3) or (h, w), as Pillow's ``thumbnail`` with Lanczos makes it."""
    picture = Image.fromarray(image)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.array(picture, np.uint8)


def gray_square(image: U8, side: int) -> U8:
    """Return the picture as (side, side) gray, each pixel the mean of those it covers."""
    gray = Image.fromarray(image).convert("L")
    return np.array(gray.resize((side, side), Image.Resampling.BOX), np.uint8)


def draw_faces(
    image: U8,
    boxes: F32,
    captions: Iterable[str] = (),
    points: F32 | None = None,
    *,
    colour: tuple[int, int, int] = (0, 230, 90),
) -> U8:
    """Return a copy of the picture with boxes, captions and landmark dots drawn.

    image: (h, w, 3) uint8 RGB.  boxes: (n, 4) ``x0 y0 x1 y1``.  points: (n, k, 2) or None.
    """
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    width = max(1, round(max(image.shape[:2]) / 400))
    for box, caption in zip(boxes, [*captions, *[""] * len(boxes)], strict=False):
        x0, y0, x1, y1 = (float(side) for side in box)
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=width)
        if caption:
            size = max(10.0, 6.0 * width)
            place = (x0 + width, y1 + 1)
            left, top, right, bottom = pen.textbbox(place, caption, font_size=size)
            pen.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill=(0, 0, 0))
            pen.text(place, caption, fill=colour, font_size=size)
    if points is not None:
        for x, y in points.reshape(-1, 2).tolist():
            pen.ellipse((x - width, y - width, x + width, y + width), fill=(255, 60, 60))
    return np.array(canvas, np.uint8)


def draw_shapes(image: U8, shapes: Iterable[Shape]) -> U8:
    """Return a copy of the picture (h, w, 3) with boxes, lines and circles drawn, a pixel wide."""
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    for kind, wide, colour in shapes:
        places = [min(max(side, -_FARTHEST), _FARTHEST) for side in wide]
        if kind == "line":
            pen.line(places, fill=colour)
        elif kind == "box":
            pen.rectangle(places, outline=colour)
        else:
            pen.ellipse(places, outline=colour)
    return np.array(canvas, np.uint8)
