"""Classifiers: a network's answer as a score per label."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, F64, U8, check
from phiz.errors import OptionError, ShapeError
from phiz.geometry import ChipSpec
from phiz.runtime import Runtime
from phiz.scores import Scores

if TYPE_CHECKING:
    from phiz.models.crops import CropRandom

__all__ = ["Crops", "NetClassifier", "softmax"]

Crops: TypeAlias = Literal[1, 10, "random"]
"""How a picture is cut: see :meth:`NetClassifier.__call__`."""

_BATCH = 32  # chips a run: larger ones are no faster and take more memory
_YOUNGEST = 0.25  # years that the age program counts for its class 0


def softmax(logits: F32) -> F64:
    """Return e to the power of each number, over the sum of its row: (n, k) float64."""
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def _mean_age(probs: F64) -> F32:
    """Return the expected age of each row, (n,) float32, not rounded.

    Source: dlib-models ``age-predictor/dnn_age_predictor_v1_ex.cpp``, get_estimated_age.
    """
    years = np.arange(probs.shape[1], dtype=np.float64)
    years[0] = _YOUNGEST
    return np.asarray((probs * years).sum(axis=1), np.float32)


class NetClassifier:
    """Classifies faces or whole pictures; threads may share one.

    A batch gives the numbers of its single runs.
    """

    device = "cpu"

    def __init__(
        self,
        session: Session,
        *,
        name: str,
        identity: str,
        chip: ChipSpec | None,
        size: int,
        labels: tuple[str, ...],
        ages: bool = False,
        crops: tuple[Crops, ...] | None = None,
        runtime: Runtime,
    ) -> None:
        """Wrap a session that takes ``image`` (n, size, size, 3) uint8 and gives k numbers each.

        chip: the crop of a face that it wants, or None if it looks at whole pictures.
        size: side of the network's input, pixels.
        ages: whether class i stands for i years.
        crops: the ways of cutting that it allows; by default all for whole pictures, and for
            faces 1, the chip as it is.
        """
        if chip is not None and chip.size != size:
            raise OptionError(f"chip for {name}: wanted size {size}, found {chip.size}")
        self.name = name
        self.identity = identity
        self.input = chip
        self.size = size
        self.labels = labels
        self.ages = ages
        self.crops: tuple[Crops, ...] = crops or ((1, 10, "random") if chip is None else (1,))
        self._session = session
        self._runtime = runtime

    def __repr__(self) -> str:
        what = self.input or f"pictures cut to {self.size} x {self.size}"
        return f"NetClassifier({self.name!r}, {what}, {len(self.labels)} labels)"

    def __call__(self, images: object, *, crops: Crops = 1, seed: int = 0) -> Scores:
        """Score faces, or whole pictures.

        images: for a classifier of faces, chips (n, size, size, 3) uint8 RGB as
            :func:`phiz.align` cuts them for ``self.input``; one chip (size, size, 3) counts as
            n = 1.  Otherwise one picture or several of any sizes; see
            :func:`phiz.imaging.as_image`.  With random crops any model takes pictures.
        crops: 1 scores the chip, or a picture's largest central square; 10 the corners, the
            centre and their mirror images; "random" the 16 random crops of dlib's example, with
            its mirroring and changes of colour.  Several crops' scores are averaged.
        seed: of dlib's random generator, for random crops.  Each call starts it afresh (0: as
            the example's program starts), and a batch goes on through it picture by picture.

        Returns Scores (n, k).  Raises ShapeError for chips of another size, OptionError for
        crops that do not apply, ImageError for what is no picture.
        """
        if crops not in self.crops:
            allowed = ", ".join(repr(way) for way in self.crops)
            raise OptionError(f"crops for {self.name}: wanted {allowed}, found {crops!r}")
        if self.input is not None and crops == 1:
            probs = self._score(self._chips(images))
        else:
            probs = self._pictures(images, crops, seed)
        age = _mean_age(probs) if self.ages else None
        return Scores(probs.astype(np.float32), self.labels, age)

    def _chips(self, images: object) -> U8:
        chips = np.asarray(images)
        if chips.ndim == 3:
            chips = chips[None]
        check(chips, (None, self.size, self.size, 3), name=f"chips for {self.name}")
        if chips.dtype != np.uint8:
            raise ShapeError(f"chips for {self.name}: wanted uint8 RGB, found {chips.dtype}")
        return chips

    def _pictures(self, images: object, crops: Crops, seed: int) -> F64:
        """Cut pictures, score all crops in batches across pictures, average per picture."""
        from phiz.models.batch import image_list  # brings Pillow
        from phiz.models.crops import CropRandom

        pictures, _ = image_list(images)
        random = CropRandom(seed) if crops == "random" else None
        each = _count(crops)
        together = max(1, _BATCH // each)
        parts = [np.zeros((0, len(self.labels)))]
        for start in range(0, len(pictures), together):
            some = pictures[start : start + together]
            scores = self._score(self._cut(some, crops, random))
            parts.append(scores.reshape(len(some), each, -1).mean(axis=1))
        return np.concatenate(parts)

    def _cut(self, pictures: list[U8], crops: Crops, random: CropRandom | None) -> U8:
        """Return the crops of all pictures, (n * count, size, size, 3) uint8."""
        from phiz.models.crops import central_crop, random_crops, ten_crops

        if random is not None:  # one after the other: each goes on where the last one stopped
            return np.concatenate([random_crops(image, self.size, random) for image in pictures])
        cut = ten_crops if crops == 10 else central_crop
        return np.concatenate(self._runtime.map(lambda image: cut(image, self.size), pictures))

    def _score(self, chips: U8) -> F64:
        """Run the network; (n, k) float64."""
        count = len(self.labels)
        parts = [np.zeros((0, count))]
        for start in range(0, len(chips), _BATCH):
            batch = np.ascontiguousarray(chips[start : start + _BATCH])
            (values,) = self._session.run({"image": batch}).values()
            logits = values.reshape(len(batch), math.prod(values.shape[1:]))
            if logits.shape[1] != count:
                raise ShapeError(f"{self.name}: wanted {count} outputs, found {logits.shape[1]}")
            parts.append(softmax(logits))
        return np.concatenate(parts)


def _count(crops: Crops) -> int:
    from phiz.models.crops import RANDOM_CROPS

    return RANDOM_CROPS if crops == "random" else int(crops)
