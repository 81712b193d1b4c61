"""The threads that loaded models share.

All heavy work runs on the runtime's own threads and callers wait, so that fifty threads calling
one model use no more processors, and no more memory, than the budget says.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from phiz.errors import OptionError

__all__ = ["Runtime", "default_runtime", "usable_cpus"]

A = TypeVar("A")
B = TypeVar("B")


def usable_cpus() -> int:
    """Return how many processors this process may use (its affinity, not the machine's size)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
        self._start()

    def keep(self, key: str, make: Callable[[], object]) -> object:
        """Return what ``make`` made for this key, made on the first call only."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            return self._kept[key]

    def _start(self) -> None:
        self._pid = os.getpid()
        self._executor = ThreadPoolExecutor(
            self.threads, thread_name_prefix="phiz", initializer=self._enter
        )

    def _enter(self) -> None:
        self._inside.worker = True

    def submit(self, work: Callable[[A], B], item: A) -> Future[B]:
        """Start ``work(item)`` on a thread of the budget.

        Called from such a thread it runs at once: waiting for a free one could wait for ever.
        """
        if getattr(self._inside, "worker", False):
            future: Future[B] = Future()
            try:
                future.set_result(work(item))
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)
            return future
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
