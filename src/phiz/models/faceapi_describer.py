"""Face descriptors from face-api.js's network."""

from __future__ import annotations

from phiz.backends.session import Session
from phiz.errors import OptionError
from phiz.geometry import ChipSpec
from phiz.models.faceapi_input import FaceNetOptions, FaceRunner
from phiz.nets import PixelSpec
from phiz.runtime import Runtime
from phiz.values import Descriptors, Metric

__all__ = ["FaceapiDescriber"]


class FaceapiDescriber:
    """Turns chips into descriptors, which are not normalised; threads may share one.

    A batch gives the numbers of its single runs.
    """

    device = "cpu"
    metric: Metric = "euclidean"

    def __init__(
        self,
        session: Session,
        *,
        name: str,
        identity: str,
        chip: ChipSpec,
        pixels: PixelSpec,
        space: str,
        threshold: float,
        runtime: Runtime,
        options: FaceNetOptions | None = None,
    ) -> None:
        """Wrap a session that takes ``pixels`` (n, side, side, 3) float32.

        It gives ``descriptor``.  pixels: the pixels it takes, with the original's divisor.
        space, identity: of the model with the original's divisor; another one is added to both.
        """
        chosen = options or FaceNetOptions()
        self.name = name
        self.identity = chosen.mark(identity)
        self.input = chip
        self.space = chosen.mark(space)
        self.threshold = threshold
        self._run = FaceRunner(session, chosen.pixels(pixels), name, runtime)

    def __repr__(self) -> str:
        return f"FaceapiDescriber({self.name!r}, {self.input}, threshold={self.threshold})"

    def __call__(
        self,
        chips: object,
        *,
        jitter: int = 0,
        seed: int = 0,  # noqa: ARG002 - every describer takes one
    ) -> Descriptors:
        """Describe faces.

        chips: (n, size, size, 3) RGB as :func:`phiz.align` cuts them for ``self.input``: float32
            of 0 to 255, or uint8; one chip counts as n = 1.  Or a list of crops of any sizes,
            uint8, each of which is padded with black to a square and resized, as the original
            does.
        jitter, seed: moved copies belong to dlib's chips: 0 or 1 only; the seed says nothing.

        Returns Descriptors (n, d).  Raises ShapeError for chips of another size, ImageError for
        a crop that is no picture, OptionError for jitter.
        """
        if jitter not in (0, 1):
            raise OptionError(
                f"jitter: {self.name} describes a face as it is, wanted 0 or 1, found {jitter}"
            )
        vectors = self._run.chips(chips)["descriptor"]
        return Descriptors(vectors, self.space, self.metric, self.threshold)
