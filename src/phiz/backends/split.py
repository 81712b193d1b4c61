"""A session whose batches are shared out among threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiz.backends.session import Session
from phiz.checks import F32
from phiz.runtime import Runtime

__all__ = ["SplitSession"]


class SplitSession:
    """Runs the parts of a batch side by side, each on one thread.

    Where a layer takes microseconds, threads that wait for each other after every one of them cost
    more than they bring.  session: with one thread a run, and as many runs at once as the runtime
    has threads.  Every sample of a batch has to be computed on its own.
    """

    def __init__(self, session: Session, runtime: Runtime) -> None:
        self._session = session
        self._runtime = runtime

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, F32]:
        """Return every output for these inputs; see :class:`phiz.backends.session.Session`."""
        count = len(next(iter(feeds.values())))
        parts = min(count, self._runtime.threads)
        if parts < 2:
            return self._session.run(feeds)
        ends = np.linspace(0, count, parts + 1).astype(np.int64).tolist()

        def run(part: int) -> dict[str, F32]:
            rows = slice(ends[part], ends[part + 1])
            return self._session.run({name: values[rows] for name, values in feeds.items()})

        found = self._runtime.map(run, range(parts))
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}
