"""What an entry of the zoo says about a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from phiz.formats.tfjs import MANIFEST_ENDING
from phiz.geometry import ChipSpec
from phiz.values import Scheme

__all__ = ["Entry", "Kind", "Licence", "PartFile", "Revision", "Source"]

Kind = Literal[
    "hog-detector",
    "mmod-detector",
    "ssd-detector",
    "yolo-detector",
    "mtcnn-detector",
    "landmarks",
    "descriptor",
    "classifier",
    "generator",
    "colorizer",
]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file can be downloaded; its name's ending says how it is packed.

    sha256, git_blob: of the packed file, or None where nobody here could compute it.
    parts: what is put behind ``url`` to get the file's parts, or the revision's files, which have
        a git_blob each.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    git_blob: str | tuple[str, ...] | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PartFile:
    """One of several files that only together are a model."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Revision:
    """One published version of a weight file.

    size, sha256: of the unpacked file; None is shown as "unverified".
    files: of a model that is several files, the manifest first.  Then ``size`` is that of all, and
        ``sha256`` is :attr:`phiz.formats.tfjs.TfjsWeights.digest`, which does not depend on how
        the numbers are cut into files.
    """

    name: str
    size: int | None
    sha256: str | None
    sources: tuple[Source, ...] = ()
    files: tuple[PartFile, ...] = ()


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

    file: the original's file name; it is accepted as a name too.  Of tfjs weights, the manifest's.
    format: whose weight files they are: dlib's, or a tfjs manifest and its shards.
    architecture: the name in :data:`phiz.nets.ARCHITECTURES`, or in
        :data:`phiz.nets.TFJS_ARCHITECTURES`.
    variants: architectures of other files that do the same.
    carriers: packages that carry it under another name, and the file in them.
    labels: what each sub-detector or output stands for, in the file's order.
    finds: what a detector finds one of, in a word.
    ages: outputs are ages in years, from 0.
    crops: the ways of cropping that its program has, where they are not the usual ones.
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
    format: Literal["dlib", "tfjs"] = "dlib"
    carriers: tuple[tuple[str, str], ...] = ()
    architecture: str | None = None
    variants: tuple[str, ...] = ()
    chip: ChipSpec | None = None
    scheme: Scheme | None = None
    labels: tuple[str, ...] | None = None
    finds: str = "face"
    ages: bool = False
    crops: tuple[Literal[1, 10, "random"], ...] | None = None
    threshold: float | None = None
    threshold_source: str | None = None
    extra: str | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the newest revision."""
        return self.revisions[0].size

    @property
    def names(self) -> tuple[str, ...]:
        """What the model may be called by."""
        stem = self.file.removesuffix(MANIFEST_ENDING)
        return (self.name, self.file) if stem == self.file else (self.name, self.file, stem)
