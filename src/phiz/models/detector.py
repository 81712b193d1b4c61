"""What detectors share: one picture or many, and options that a call may override."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar, overload

from phiz.checks import U8
from phiz.imaging import ImageLike
from phiz.models.batch import image_list
from phiz.values import Faces

__all__ = ["BatchDetector"]

Options = TypeVar("Options")


class BatchDetector(ABC, Generic[Options]):
    """A detector whose options are a frozen value; see :class:`phiz.models.protocols.Detector`."""

    device = "cpu"
    name: str
    identity: str
    options: Options
    _gray = False  # whether one-channel pictures stay such

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.options})"

    @abstractmethod
    def _chosen(self, upsample: int | None, threshold: float | None) -> Options:
        """Return the options of a call; OptionError for one that does not apply."""

    @abstractmethod
    def _find_all(self, pictures: list[U8], options: Options) -> list[Faces]:
        """Return what is in each picture."""

    @overload
    def __call__(
        self, images: ImageLike, *, upsample: int | None = None, threshold: float | None = None
    ) -> Faces: ...

    @overload
    def __call__(
        self,
        images: list[ImageLike] | tuple[ImageLike, ...],
        *,
        upsample: int | None = None,
        threshold: float | None = None,
    ) -> list[Faces]: ...

    def __call__(
        self,
        images: ImageLike | list[ImageLike] | tuple[ImageLike, ...],
        *,
        upsample: int | None = None,
        threshold: float | None = None,
    ) -> Faces | list[Faces]:
        """Search one picture, or each of several of any sizes.

        images: see :func:`phiz.imaging.as_image`.
        upsample, threshold: override the detector's options, as its class says.

        Returns Faces (a list of them for a batch), best score first.  Finding nothing is an
        ordinary, empty result.
        """
        options = self._chosen(upsample, threshold)
        pictures, batch = image_list(images, gray=self._gray)
        found = self._find_all(pictures, options)
        return found if batch else found[0]
