"""Faces of nobody: pictures that a network makes from random numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from phiz.backends.session import Session
from phiz.checks import F32, U8, check, finite
from phiz.errors import OptionError
from phiz.rng import DlibRandom
from phiz.runtime import Runtime

__all__ = ["FaceGenerator"]

_LATENT = 100  # random numbers per picture
_SIDE = 162
_TRIES = 80


class FaceGenerator:
    """Makes pictures of faces that belong to nobody; threads may share one.

    generator: input ``planes`` (n, 100, 1, 1) float32, one output (n, 3, 162, 162) in 0 to 1:
        the value of the sigmoid layer, as the layers after it serve training only.
    discriminator: input ``image`` (n, 162, 162, 3) uint8 RGB, one output with a logit each,
        positive where it takes the picture for a photograph; None if there is none.
    """

    device = "cpu"

    def __init__(
        self,
        generator: Session,
        discriminator: Session | None,
        *,
        name: str,
        identity: str,
        runtime: Runtime,
    ) -> None:
        self.name = name
        self.identity = identity
        self._generator = generator
        self._discriminator = discriminator
        self._runtime = runtime

    def __repr__(self) -> str:
        return f"FaceGenerator({self.name!r})"

    def generate(
        self, count: int, *, seed: int = 0, reject: bool = True, tries: int = _TRIES
    ) -> U8:
        """Make pictures; see :meth:`pictures`.  Returns (count, 162, 162, 3) uint8 RGB."""
        made = list(self.pictures(count, seed=seed, reject=reject, tries=tries))
        return np.stack(made) if made else np.empty((0, _SIDE, _SIDE, 3), np.uint8)

    def pictures(
        self, count: int, *, seed: int = 0, reject: bool = True, tries: int = _TRIES
    ) -> Iterator[U8]:
        """Make pictures one after the other.

        seed: of dlib's random generator, which each call starts afresh; 0 is a new
            ``dlib::rand``.  The first pictures of a seed are the same whatever the count.
        reject: draw a picture again if the discriminator takes it for made; the random numbers
            go on from there.
        tries: how many pictures are drawn for one.  If the discriminator takes none of them,
            the last one counts, with a UserWarning.

        Yields (162, 162, 3) uint8 RGB: what the network gives times 255, truncated.  Raises
        OptionError for a negative count, fewer than one try, and where pictures are to be
        rejected without a discriminator.
        Source: FFgan.cpp, the program that the weights come from.
        """
        if count < 0:
            raise OptionError(f"count: wanted 0 or more pictures, found {count}")
        if tries < 1:
            raise OptionError(f"tries: wanted 1 or more, found {tries}")
        if reject and self._discriminator is None:
            raise OptionError(f"{self.name} has no discriminator: give reject=False (--no-reject)")
        return self._pictures(count, DlibRandom(seed), tries if reject else 0)

    def _pictures(self, count: int, random: DlibRandom, tries: int) -> Iterator[U8]:
        for index in range(count):
            picture = self._draw(random)
            left = tries
            while left > 0 and not self.judge(picture[None])[0] > 0:
                left -= 1
                if left == 0:
                    warnings.warn(
                        f"{self.name}: the discriminator took none of {tries} pictures for a "
                        f"photograph; picture {index} is the last of them",
                        UserWarning,
                        stacklevel=2,
                    )
                    break
                picture = self._draw(random)
            yield picture

    def _draw(self, random: DlibRandom) -> U8:
        latents = np.array([random.gaussian() for _ in range(_LATENT)], np.float32)
        return np.asarray(self.decode(latents[None])[0])

    def decode(self, latents: F32) -> U8:
        """Turn latents (n, 100) float32 into pictures (n, 162, 162, 3) uint8 RGB.

        Raises ShapeError for other shapes, NaN and infinity.
        """
        rows = np.ascontiguousarray(latents, np.float32)
        check(rows, (None, _LATENT), name=f"latents for {self.name}")
        finite(rows, name=f"latents for {self.name}")
        out = np.empty((len(rows), _SIDE, _SIDE, 3), np.uint8)
        for row, picture in zip(rows, out, strict=True):  # singly: the same in every batch
            with self._runtime.admitted():
                (values,) = self._generator.run({"planes": row.reshape(1, _LATENT, 1, 1)}).values()
            check(values, (1, 3, _SIDE, _SIDE), name=f"the output of {self.name}")
            picture[:] = np.clip(np.float32(255) * values[0], 0, 255).transpose(1, 2, 0)
        return out

    def judge(self, pictures: U8) -> F32:
        """Return the discriminator's logits (n,) float32 for pictures (n, 162, 162, 3) uint8 RGB.

        Dropout counts as what it leaves on average, so a picture always gets the same logit;
        dlib's program leaves dropout switched on and judges with some noise.  Raises OptionError
        without a discriminator.
        """
        check(
            pictures,
            (None, _SIDE, _SIDE, 3),
            dtype=np.uint8,
            name=f"pictures for {self.name}",
        )
        if self._discriminator is None:
            raise OptionError(f"{self.name} has no discriminator")
        logits = np.empty(len(pictures), np.float32)
        for index, picture in enumerate(pictures):
            feed = np.ascontiguousarray(picture[None])
            with self._runtime.admitted():
                (values,) = self._discriminator.run({"image": feed}).values()
            logits[index] = values.reshape(())
        return logits
