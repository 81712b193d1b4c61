"""What a model of each kind can do; any two of a kind can be swapped."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, overload

from phiz.checks import U8
from phiz.errors import OptionError
from phiz.geometry import ChipSpec
from phiz.scores import Scores
from phiz.values import Descriptors, Faces, Landmarks, Metric, Scheme

if TYPE_CHECKING:  # a descriptor model loads without Pillow
    from phiz.imaging import ImageLike

__all__ = ["Describer", "Detector", "FaceClassifier", "Landmarker", "Model", "Role", "require_role"]

Role = Literal["detector", "landmark model", "descriptor model"]
_MARKS: Mapping[Role, str] = MappingProxyType(
    {"detector": "options", "landmark model": "scheme", "descriptor model": "space"}
)
"""What every model of a role has, and those of the others have not."""


def require_role(model: object, role: Role) -> None:
    """Raise OptionError for a model that does something else."""
    if not hasattr(model, _MARKS[role]):
        raise OptionError(f"wanted a {role}, found {model!r}")


class Model(Protocol):
    """What every model tells about itself."""

    @property
    def name(self) -> str:
        """Zoo name."""
        ...

    @property
    def identity(self) -> str:
        """Name and weights hash: equal where equal input gives equal output."""
        ...

    @property
    def device(self) -> str:
        """Where it runs."""
        ...


class Detector(Model, Protocol):
    """Finds faces.  Threads may share one."""

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


class Landmarker(Model, Protocol):
    """Places points on faces.  Threads may share one."""

    @property
    def scheme(self) -> Scheme:
        """What each point is."""
        ...

    def __call__(self, image: ImageLike, faces: object) -> Landmarks:
        """Return points for each box of ``faces``."""
        ...


class Describer(Model, Protocol):
    """Turns chips into descriptors.  Threads may share one."""

    @property
    def input(self) -> ChipSpec:
        """The crop it wants."""
        ...

    @property
    def space(self) -> str:
        """What its descriptors may be compared with."""
        ...

    @property
    def metric(self) -> Metric:
        """How its descriptors are compared."""
        ...

    @property
    def threshold(self) -> float:
        """Below it two faces count as one person."""
        ...

    def __call__(self, chips: U8, *, jitter: int = 0, seed: int = 0) -> Descriptors:
        """Return a descriptor for each chip."""
        ...


class FaceClassifier(Model, Protocol):
    """Scores chips.  Threads may share one."""

    @property
    def input(self) -> ChipSpec | None:
        """The crop it wants; None for a model that looks at whole pictures."""
        ...

    def __call__(self, images: U8) -> Scores:
        """Return scores for each chip."""
        ...
