"""Damaged pictures, as far as they go: what Pillow does where LOAD_TRUNCATED_IMAGES is set.

That is a switch for the whole process; here a picture is read so without it.  The part of
:mod:`phiz.imaging` that knows how; only imaging imports it.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable

from PIL import Image

__all__ = ["decode_leniently"]


def decode_leniently(data: bytes, identify: Callable[[bytes], Image.Image]) -> Image.Image:
    """Decode a picture; where its data ends or is damaged, keep what came before.

    identify: opens the bytes of a picture file, without decoding it yet.

    Raises what Pillow raises if nothing can be made of it.
    """
    image = identify(_without_damaged_notes(data))
    try:
        image.load()
        return image
    except OSError:
        if getattr(image, "use_load_libtiff", False):
            raise  # all or nothing, with or without the switch
    if image.format in ("JPEG", "MPO"):
        # What Pillow itself does at a premature end, so that the last rows are drawn.
        image = identify(data + b"\xff\xd9")
        with contextlib.suppress(OSError):
            image.load()
            return image
    image.tile = []  # type: ignore[attr-defined]  # nothing is left to decode
    image.load()
    return image


def _without_damaged_notes(data: bytes) -> bytes:
    """Return a file, if a PNG without the ancillary chunks whose checksum is wrong."""
    if not data.startswith(b"\x89PNG"):
        return data
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        checksum = zlib.crc32(data[at + 4 : end - 4]).to_bytes(4, "big")
        damaged = end <= len(data) and checksum != data[end - 4 : end]
        if not (damaged and data[at + 4] & 32):  # this bit marks an ancillary one
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])
