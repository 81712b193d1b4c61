"""Methods without arguments as plain functions: they are called for every box and every point."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from phiz.compat.dlib.binding import Overloads

__all__ = ["getter"]


def getter(run: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a method that costs as little as Python allows; its errors are those of Overloads."""

    @functools.wraps(run)
    def method(self: Any, /, *given: Any, **named: Any) -> Any:
        if not given and not named:
            try:
                return run(self)
            except AttributeError:
                pass  # of another class: the overload says so
        return _checked(run)(self, *given, **named)

    return method


def _checked(run: Callable[[Any], Any]) -> Overloads:
    overloads = Overloads()
    overloads.add(run)
    overloads.__set_name__(run.__globals__[run.__qualname__.split(".")[0]], run.__name__)
    return overloads
