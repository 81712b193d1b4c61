"""Expressions, age and gender from face-api.js's networks."""

from __future__ import annotations

import numpy as np

from phiz.backends.session import Session
from phiz.errors import ShapeError
from phiz.geometry import ChipSpec
from phiz.models.classifier import softmax
from phiz.models.faceapi_input import FaceNetOptions, FaceRunner
from phiz.nets import PixelSpec
from phiz.runtime import Runtime
from phiz.scores import Scores

__all__ = ["EXPRESSIONS", "GENDERS", "FaceapiClassifier"]

EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
GENDERS = ("male", "female")


class FaceapiClassifier:
    """Scores faces with a network of face-api.js; threads may share one.

    A batch gives the numbers of its single runs.
    """

    device = "cpu"

    def __init__(
        self,
        session: Session,
        *,
        name: str,
        identity: str,
        chip: ChipSpec,
        pixels: PixelSpec,
        labels: tuple[str, ...],
        output: str,
        age: str | None = None,
        runtime: Runtime,
        options: FaceNetOptions | None = None,
    ) -> None:
        """Wrap a session that takes ``pixels`` (n, side, side, 3) float32.

        pixels: the pixels it takes.  labels: what each number of ``output`` stands for.
        output: name of the session's logits.  age: name of its estimate in years, if it has one.
        options: the divisor, for a model whose original has two; None keeps that of ``pixels``.

        ``age_apart`` says whether its scores have an age beside their labels.
        """
        self.name = name
        self.identity = options.mark(identity) if options else identity
        self.input = chip
        self.labels = labels
        self.age_apart = age is not None
        self._output, self._age = output, age
        spec = options.pixels(pixels) if options else pixels
        self._run = FaceRunner(session, spec, name, runtime)

    def __repr__(self) -> str:
        return f"FaceapiClassifier({self.name!r}, {self.input}, {len(self.labels)} labels)"

    def __call__(self, images: object) -> Scores:
        """Score faces.

        images: (n, size, size, 3) RGB as :func:`phiz.align` cuts them for ``self.input``: float32
            of 0 to 255, or uint8; one chip counts as n = 1.  Or a list of crops of any sizes,
            uint8, each of which is padded with black to a square and resized, as the original
            does.

        Returns Scores (n, k), with ages where the network estimates them.  Raises ShapeError for
        chips of another size, ImageError for a crop that is no picture.
        """
        found = self._run.chips(images)
        logits = found[self._output]
        if logits.shape[1] != len(self.labels):
            raise ShapeError(
                f"{self.name}: wanted {len(self.labels)} outputs, found {logits.shape[1]}"
            )
        years = None if self._age is None else found[self._age][:, 0]
        return Scores(softmax(logits).astype(np.float32), self.labels, years, years is not None)
