"""phiz hipsterize."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from phiz.cli import common
from phiz.cli.colorize import Out, Targets, redraw
from phiz.cli.common import MAX_PIXELS

if TYPE_CHECKING:
    from phiz.checks import U8

NAME = "hipsterize"
HELP = """Draw glasses and a mustache on every dog.

Example: phiz hipsterize dogs.jpg --out hipsters/
"""

_DETECTOR, _LANDMARKS = "dlib-mmod-dog", "dlib-landmarks-dog"  # one file has both


def main(
    pictures: common.Pictures,
    out: Out,
    upsample: common.Upsample = 0,
    as_json: common.AsJson = False,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    found = common.find_pictures(pictures, skip=out)
    targets = Targets(out, found)
    common.ensure_models([_DETECTOR, _LANDMARKS])
    from phiz.loading import load
    from phiz.models.hipster import dress_dogs

    # The pictures belong to the file, not to what a detector is.
    detector: Any = load(_DETECTOR)
    landmarker: Any = load(_LANDMARKS)
    glasses, mustache = detector.pictures

    def change(picture: U8) -> tuple[U8, Mapping[str, int]]:
        made, dogs = dress_dogs(picture, detector, landmarker, glasses, mustache, upsample=upsample)
        return made, {"dogs": dogs}

    return redraw(
        found, targets, change, "looking for dogs", as_json=as_json, max_pixels=max_pixels
    )
