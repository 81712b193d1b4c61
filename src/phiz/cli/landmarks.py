"""phiz landmarks."""

from __future__ import annotations

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.cli.detect import Draw, search

NAME = "landmarks"
HELP = """Find faces and their landmarks: 5 points, or 68 with --landmarks dlib-landmarks-68.

Example: phiz landmarks portrait.jpg --draw portrait-points.png
"""


def main(
    pictures: common.Pictures,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: common.LandmarkName = "dlib-landmarks-5",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    draw: Draw = None,
    as_json: common.AsJson = False,
    as_csv: common.AsCsv = False,
    parquet: common.Parquet = None,
    max_pixels: common.MaxPixels = MAX_PIXELS,
    threads: common.Threads = None,
    offline: common.Offline = False,
    commercial_only: common.CommercialOnly = False,
) -> int:
    common.start(threads=threads, offline=offline, commercial_only=commercial_only)
    return search(
        pictures,
        (detector, landmarks, None),
        upsample=upsample,
        score=score,
        draw=draw,
        as_json=as_json,
        as_csv=as_csv,
        parquet=parquet,
        max_pixels=max_pixels,
    )
