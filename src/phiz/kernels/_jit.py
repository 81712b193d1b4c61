"""The decorator that compiles a kernel and keeps the machine code in phiz's cache."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config

from phiz.cache import private_dir

__all__ = ["kernel", "kernel_cache"]

F = TypeVar("F", bound=Callable[..., Any])


@functools.cache
def kernel_cache() -> Path | None:
    """Return the folder of compiled kernels, or None where the cache cannot be written.

    The folder is named after the kernels' sources: Numba itself notices a changed file but not a
    changed callee in another one.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    try:
        return private_dir("kernels", digest.hexdigest()[:16])
    except OSError:
        return None


@contextlib.contextmanager
def _caching_in(folder: Path) -> Iterator[None]:
    """Point Numba's cache at ``folder`` while a function is being decorated."""
    before = getattr(config, "CACHE_DIR")  # noqa: B009 - set when Numba is imported
    setattr(config, "CACHE_DIR", str(folder))  # noqa: B010
    try:
        yield
    finally:
        setattr(config, "CACHE_DIR", before)  # noqa: B010


def kernel(*, contract: bool = False) -> Callable[[F], F]:
    """Compile a function on first call, without the GIL, and cache the result on disk.

    contract: allow a multiply and an add to become one rounding (FMA).  Off where the original's
        numbers must come out bit for bit.
    """

    def decorate(function: F) -> F:
        options: dict[str, Any] = {
            "nogil": True,
            "error_model": "numpy",  # no check of every division for zero
            "fastmath": {"contract"} if contract else False,
        }
        folder = kernel_cache()
        if folder is None:
            compiled: F = numba.njit(**options)(function)
            return compiled
        with _caching_in(folder):
            cached: F = numba.njit(cache=True, **options)(function)
        return cached

    return decorate
