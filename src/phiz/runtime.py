"""The threads that loaded models share.

All heavy work runs on the runtime's own threads and callers wait, so that fifty threads calling
one model use no more processors, and no more memory, than the budget says.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phiz.errors import OptionError

__all__ = ["Runtime", "default_runtime", "usable_cpus"]

A = TypeVar("A")
B = TypeVar("B")

_POOLED = 1 << 23  # bytes of the scratch buffers that are kept; larger ones are not
_ALIGNED = 64  # bytes


def usable_cpus() -> int:
    """Return how many processors this process may use (its affinity, not the machine's size)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Done(Future[B]):
    """The result of work that was done at once: a future without the locks of one to wait for."""

    def __init__(self, result: B) -> None:
        self._value = result

    def result(self, timeout: float | None = None) -> B:  # noqa: ARG002
        return self._value

    def cancel(self) -> bool:
        return False


class Runtime:
    """A thread budget and the executor that keeps to it; safe to share.

    threads: how many pieces of work run at once; None means every usable processor, or
        ``PHIZ_THREADS``.
    """

    def __init__(self, threads: int | None = None) -> None:
        if threads is None:
            named = os.environ.get("PHIZ_THREADS", "")
            if named and not named.isdigit():
                raise OptionError(f"PHIZ_THREADS: wanted a number of threads, found {named!r}")
            threads = int(named) if named else usable_cpus()
        if threads < 1:
            raise OptionError(f"threads: wanted 1 or more, found {threads}")
        self.threads = threads
        self._inside = threading.local()
        self._lock = threading.Lock()
        self._kept: dict[str, object] = {}
        self._buffers: list[NDArray[np.uint8]] = []
        self._start()

    def keep(self, key: str, make: Callable[[], object]) -> object:
        """Return what ``make`` made for this key, made on the first call only."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    @contextlib.contextmanager
    def scratch(
        self, arrays: Sequence[tuple[tuple[int, ...], DTypeLike]]
    ) -> Iterator[list[NDArray[Any]]]:
        """Lend arrays of these shapes and dtypes, uninitialised, for the length of the block.

        Pictures of every size come by, and memory that is allocated and freed for each of them
        ends up in the allocator's pockets: small buffers are used again, large ones are mapped.
        """
        sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in arrays]
        starts = [0, *itertools.accumulate(-(-size // _ALIGNED) * _ALIGNED for size in sizes)]
        buffer = self._borrow(starts[-1] + _ALIGNED)
        first = -buffer.ctypes.data % _ALIGNED
        try:
            yield [
                buffer[first + start : first + start + size].view(dtype).reshape(shape)
                for (shape, dtype), start, size in zip(arrays, starts, sizes, strict=False)
            ]
        finally:
            self._give_back(buffer)

    def _borrow(self, size: int) -> NDArray[np.uint8]:
        if size > _POOLED:
            # Straight from the system, and back to it when the last view is gone.
            pages = mmap.mmap(-1, size)
            if hasattr(mmap, "MADV_HUGEPAGE"):
                with contextlib.suppress(OSError):
                    pages.madvise(mmap.MADV_HUGEPAGE)
            return np.frombuffer(pages, np.uint8)
        with self._lock:
            if self._buffers:
                return self._buffers.pop()
        return np.empty(_POOLED, np.uint8)

    def _give_back(self, buffer: NDArray[np.uint8]) -> None:
        with self._lock:
            if buffer.size == _POOLED and len(self._buffers) < 2 * self.threads:
                self._buffers.append(buffer)

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Wait until fewer callers than threads are inside; work that needs much memory asks."""
        if getattr(self._inside, "worker", False):
            yield  # a thread of the budget was let in already
            return
        with self._entrance:
            yield

    def _start(self) -> None:
        self._pid = os.getpid()
        self._entrance = threading.BoundedSemaphore(self.threads)
        self._executor = ThreadPoolExecutor(
            self.threads, thread_name_prefix="phiz", initializer=self._enter
        )

    def _enter(self) -> None:
        self._inside.worker = True

    def submit(self, work: Callable[[A], B], item: A) -> Future[B]:
        """Start ``work(item)`` on a thread of the budget.

        Called from such a thread it runs at once, errors and all: waiting for a free one could
        wait for ever.
        """
        if getattr(self._inside, "worker", False):
            return _Done(work(item))
        if self._pid != os.getpid():
            self._start()  # this is a forked child: the parent's threads did not come along
        return self._executor.submit(work, item)

    def run(self, work: Callable[[], B]) -> B:
        """Run ``work()`` within the budget and return its result."""
        return self.submit(lambda _: work(), None).result()

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Return ``[work(item) for item in items]``, computed side by side."""
        futures = [self.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise

    def stream(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """Yield ``work(item)`` for each item, in order, computed side by side a few items ahead."""
        started: deque[Future[B]] = deque()
        try:
            for item in items:
                started.append(self.submit(work, item))
                if len(started) > 2 * self.threads:
                    yield started.popleft().result()
            while started:
                yield started.popleft().result()
        finally:
            for future in started:
                future.cancel()

    def __repr__(self) -> str:
        return f"Runtime(threads={self.threads})"


_lock = threading.Lock()
_default: Runtime | None = None


def default_runtime() -> Runtime:
    """Return the runtime of models that were given none; made on first use."""
    global _default
    with _lock:
        if _default is None:
            _default = Runtime()
        return _default
