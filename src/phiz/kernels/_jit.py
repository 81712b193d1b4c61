"""The decorators that make compiled kernels of Python functions.

Numba translates a kernel for one fixed signature; what it makes is called directly, by Numba's own
calling convention, which is plain C: a place for the result, a place for an exception, and each
array as owner, parent, size, item size, data, shape and strides.
Source: Numba, "Notes on the architecture", calling conventions; ``numba/core/callconv.py``.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import types
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from phiz.kernels._native import Native, native

__all__ = ["helper", "kernel"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = "__kernel_options__"
_SCALARS = {"i8": ctypes.c_int64, "f8": ctypes.c_double}


def helper(*, contract: bool = False) -> Callable[[F], F]:
    """Mark a function that kernels call, and that is compiled into them.

    contract: allow a multiply and an add to become one rounding (FMA).  Off where the original's
        numbers must come out bit for bit.
    """

    def decorate(function: F) -> F:
        setattr(function, _OPTIONS, {"fastmath": {"contract"} if contract else False})
        return function

    return decorate


def kernel(signature: str, *, contract: bool = False) -> Callable[[F], F]:
    """Compile a function on first call; calls hold no GIL.

    signature: what the function takes, such as ``"u1:3 i8 f4:2"``: NumPy's short names, a colon
        and the number of dimensions for C-contiguous arrays, ``i8`` and ``f8`` for numbers.
    contract: as for :func:`helper`.

    A kernel returns nothing, and allocates nothing: room to work in is handed to it.
    """

    def decorate(function: F) -> F:
        if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
            return function  # for a debugger
        made = _Kernel(helper(contract=contract)(function), tuple(signature.split()))
        functools.update_wrapper(made, function)
        return made  # type: ignore[return-value]

    return decorate


def _address(array: Any) -> int:
    """Return where an array's data are; NumPy's own way takes four times as long."""
    if array.flags.writeable and array.size:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    return int(array.ctypes.data)


class _Kernel:
    """A function that is compiled, or found in the cache, when it is first called."""

    def __init__(self, function: Callable[..., None], signature: tuple[str, ...]) -> None:
        self._function = function
        self._takes = [
            (np.dtype(kind), int(ndim) if colon else None)
            for kind, colon, ndim in (part.partition(":") for part in signature)
        ]
        self._signature = signature
        self._lock = threading.Lock()
        self._call: Callable[..., int] | None = None
        self._native: Native | None = None
        self._result = np.zeros(1, np.int64)  # where every call writes the same: nothing
        self._nowhere = self._result.ctypes.data

    def __call__(self, *arguments: Any) -> None:
        call = self._call or self._ready()
        flat: list[Any] = [self._nowhere, self._nowhere]
        for value, (dtype, ndim) in zip(arguments, self._takes, strict=True):
            if ndim is None:
                flat.append(value)
                continue
            if value.dtype != dtype or value.ndim != ndim or not value.flags.c_contiguous:
                raise TypeError(
                    f"{self._function.__name__}: wanted a contiguous {dtype} array of {ndim} "
                    f"dimensions, found {value.dtype} {value.shape}, strides {value.strides}"
                )
            flat += (None, None, value.size, value.itemsize, _address(value))
            flat += value.shape
            flat += value.strides
        status = call(*flat)
        if status != 0:
            raise RuntimeError(f"{self._function.__name__}: status {status}")

    def _ready(self) -> Callable[..., int]:
        with self._lock:
            if self._call is None:
                symbol = f"phiz_{self._function.__name__.lstrip('_')}"
                self._native = native(symbol, lambda: self._translate(symbol))
                pointer, number = ctypes.c_void_p, ctypes.c_int64
                flat: list[Any] = [pointer, pointer]
                for dtype, ndim in self._takes:
                    if ndim is None:
                        flat.append(_SCALARS[dtype.str[1:]])
                    else:
                        flat += [pointer, pointer, number, number, pointer, *2 * ndim * [number]]
                prototype = ctypes.CFUNCTYPE(ctypes.c_int32, *flat)
                self._call = prototype(self._native.address)
            return self._call

    def _translate(self, symbol: str) -> str:
        """Return the function as an optimised module in LLVM's language."""
        import numba
        from llvmlite import binding

        takes = tuple(
            numba.from_dtype(dtype)
            if ndim is None
            else numba.types.Array(numba.from_dtype(dtype), ndim, "C")
            for dtype, ndim in self._takes
        )
        dispatcher = _dispatcher(self._function)
        dispatcher.compile(takes)
        module = binding.parse_assembly(dispatcher.inspect_llvm(takes))
        name = dispatcher.overloads[takes].fndesc.llvm_func_name
        module.get_function(name).name = symbol
        return str(module)


def _dispatcher(function: Callable[..., Any]) -> Any:
    """Hand a function to Numba, with the helpers that it calls."""
    import numba

    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        if hasattr(names.get(name), _OPTIONS):
            names[name] = _dispatcher(names[name])
    copy = types.FunctionType(function.__code__, names, function.__name__)
    options: dict[str, Any] = {
        "error_model": "numpy",  # no check of every division for zero
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        "_nrt": False,  # nothing is allocated, so nothing is counted or freed
        **getattr(function, _OPTIONS),
    }
    return numba.njit(**options)(copy)
