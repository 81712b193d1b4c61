"""What a compiled graph can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from phiz.checks import F32

__all__ = ["Session"]


class Session(Protocol):
    """A compiled graph.  Threads may share one."""

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, F32]:
        """Return every output, (n, channels, rows, columns) float32, for these inputs."""
        ...
