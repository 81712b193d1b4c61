"""The models phiz knows: a table, and nothing else.

Hashes were computed from the files themselves or taken from a published tree; none is made up.
The registry packages carry the very files of dlib-models: compressed again with ``bzip2 -9`` they
have the git blob ids of the dlib-models tree at commit fd81b63 (2025-05-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from phiz.errors import ModelNotFound
from phiz.geometry import DLIB_150, ChipSpec
from phiz.values import Scheme

__all__ = ["ZOO", "Entry", "Kind", "Licence", "Revision", "Source", "find_entry"]

Kind = Literal["hog-detector", "landmarks", "descriptor"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file can be downloaded; its name's ending says how it is packed.

    sha256, git_blob: of the packed file, or None where nobody here could compute it.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    git_blob: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """One published version of a weight file.

    size, sha256: of the unpacked file; None is shown as "unverified".
    """

    name: str
    size: int | None
    sha256: str | None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Licence:
    """What may be done with a model; no legal advice.

    text: the licence.  evidence: where its owner says so.  training_data: terms that come with
    the data.  commercial: whether the owner allows commercial use.
    """

    text: str
    evidence: str
    training_data: str
    commercial: Literal["yes", "no", "unclear"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the zoo.

    file: the original's file name; it is accepted as a name too.
    labels: what each sub-detector finds, in the file's order.
    threshold: below it two faces count as one person, with ``threshold_source``.
    limits: what its author, or its data, says about where it fails.
    """

    name: str
    kind: Kind
    file: str
    summary: str
    licence: Licence
    revisions: tuple[Revision, ...]
    limits: str
    architecture: str | None = None
    chip: ChipSpec | None = None
    scheme: Scheme | None = None
    labels: tuple[str, ...] | None = None
    threshold: float | None = None
    threshold_source: str | None = None
    extra: str | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the newest revision."""
        return self.revisions[0].size


_README = "https://github.com/davisking/dlib-models#readme"


def _sources(file: str, size: int, sha256: str, git_blob: str) -> tuple[Source, ...]:
    return tuple(
        Source(f"{root}/{file}.bz2", size, sha256, git_blob)
        for root in ("https://github.com/davisking/dlib-models/raw/master", "http://dlib.net/files")
    )


_RESNET = "dlib_face_recognition_resnet_model_v1.dat"
_FIVE = "shape_predictor_5_face_landmarks.dat"
_SIXTY_EIGHT = "shape_predictor_68_face_landmarks.dat"

_ENTRIES = (
    Entry(
        name="dlib-hog-frontal",
        kind="hog-detector",
        file="dlib_frontal_face_detector.svm",
        summary="Upright faces looking at the camera, from 80 pixels (40 with upsample 1).",
        licence=Licence(
            text="BSL-1.0",
            evidence="https://github.com/davisking/dlib/blob/master/dlib/LICENSE.txt",
            training_data="about 3,000 pictures chosen and labelled by dlib's author",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib 20.0.1",
                155_005,
                "f3f7aa833fb4a14a46fc48689f45b98d85ef72d6dfaf8bdc012b7d3c522a5426",
            ),
        ),
        limits="Misses profiles, faces tilted by more than about 30 degrees, and covered faces.",
        labels=("front", "left", "right", "front-rotated-left", "front-rotated-right"),
    ),
    Entry(
        name="dlib-landmarks-5",
        kind="landmarks",
        file=_FIVE,
        summary="Corners of both eyes and the bottom of the nose.",
        licence=Licence(
            text="public domain (CC0-1.0)",
            evidence=_README,
            training_data="7,198 faces collected from the internet and labelled by dlib's author",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib-models",
                9_150_489,
                "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
                _sources(
                    _FIVE,
                    5_706_710,
                    "6e787bbebf5c9efdb793f6cd1f023230c4413306605f24f299f12869f95aa472",
                    "3021e2b5f7074adc3cf0ea7590478aaf0b871876",
                ),
            ),
        ),
        limits="Made for the boxes of dlib's HOG and CNN face detectors.",
        scheme="dlib-5",
        extra="weights",
    ),
    Entry(
        name="dlib-landmarks-68",
        kind="landmarks",
        file=_SIXTY_EIGHT,
        summary="Jaw, brows, eyes, nose and mouth: the 68 iBUG points.",
        licence=Licence(
            text="not for commercial products",
            evidence=_README,
            training_data="iBUG 300-W, whose licence excludes commercial use",
            commercial="no",
        ),
        revisions=(
            Revision(
                "dlib-models",
                99_693_937,
                "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
                _sources(
                    _SIXTY_EIGHT,
                    64_040_097,
                    "7d6637b8f34ddb0c1363e09a4628acb34314019ec3566fd66b80c04dda6980f5",
                    "9ab195b761b6d32d3cd8d9f0c566993b6e6e3f5f",
                ),
            ),
        ),
        limits="Made for the boxes of dlib's HOG detector; worse with differently placed boxes.",
        scheme="ibug-68",
        extra="weights68",
    ),
    Entry(
        name="dlib-face-resnet-v1",
        kind="descriptor",
        file=_RESNET,
        summary="128 numbers per face; 99.38 % on LFW.",
        licence=Licence(
            text="public domain (CC0-1.0)",
            evidence=_README,
            training_data="3 million faces of 7,485 people from FaceScrub, VGG-Face and the "
            "internet; VGG-Face and FaceScrub were published for research",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib-models",
                22_466_066,
                "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
                _sources(
                    _RESNET,
                    21_428_389,
                    "abb1f61041e434465855ce81c2bd546e830d28bcbed8d27ffbe5bb408b11553a",
                    "6c3a71f376b4a6df36d6db00847253b0461cf5ab",
                ),
            ),
        ),
        limits="Trained mostly on celebrities of Western media. Error rates differ between groups "
        "of people and are higher for children: measure on your own data.",
        architecture="dlib-face-resnet",
        chip=DLIB_150,
        threshold=0.6,
        threshold_source="radius of its training loss; dlib examples/dnn_face_recognition_ex.cpp",
        extra="weights",
    ),
)

ZOO: Final[Mapping[str, Entry]] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Every model by name."""


def find_entry(name: str) -> Entry | None:
    """Return the entry with this name or original file name, or None."""
    stem = name.removesuffix(".bz2").removesuffix(".xz")
    for entry in ZOO.values():
        if stem in (entry.name, entry.file):
            return entry
    return None


def require_entry(name: str) -> Entry:
    """Return the entry of this name; ModelNotFound lists the names there are."""
    entry = find_entry(name)
    if entry is None:
        raise ModelNotFound(f"no model named {name!r}; there are {', '.join(ZOO)}")
    return entry
