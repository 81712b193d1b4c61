"""phiz describe."""

from __future__ import annotations

from phiz.cli import common
from phiz.cli.common import MAX_PIXELS
from phiz.cli.detect import search

NAME = "describe"
HELP = """Describe every face by a vector: close vectors are the same person.

Example: phiz describe holiday/ --json > faces.jsonl
"""


def main(
    pictures: common.Pictures,
    detector: common.DetectorName = "dlib-hog-frontal",
    landmarks: common.LandmarkName = "dlib-landmarks-5",
    descriptor: common.DescriptorName = "dlib-face-resnet-v1",
    precision: common.Precision = "float32",
    upsample: common.Upsample = 0,
    score: common.Threshold = None,
    jitter: common.Jitter = 0,
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
        (detector, landmarks, descriptor),
        upsample=upsample,
        score=score,
        jitter=jitter,
        precision=precision,
        as_json=as_json,
        as_csv=as_csv,
        parquet=parquet,
        max_pixels=max_pixels,
    )
