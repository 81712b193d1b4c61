"""Decoding of dlib's number stream at memory speed.

A shape predictor of 100 MB is 33 million variable-length integers.  On a machine's first use Numba
would take longer to compile this loop than dlib takes to load the file, so it is built directly
with Numba's own compiler library, llvmlite, which is ready in a tenth of the time.
Source of the format: dlib ``serialize.h`` (unpack_int), ``float_details.h``.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from phiz.checks import F32, I64, U8
from phiz.kernels._native import Native, native, optimised

__all__ = ["FLOAT", "INT", "SAME", "NumberStream"]

INT, FLOAT, SAME = 0, 1, 2
"""What an item of a layout is: stored in ``ints``, stored in ``floats``, or an integer that must
equal ``wanted``."""

_I1, _I8, _I64, _F32, _F64 = (
    ir.IntType(1), ir.IntType(8), ir.IntType(64), ir.FloatType(), ir.DoubleType(),
)  # fmt: skip


def _build_read_int(module: ir.Module) -> ir.Function:
    """Build ``read_int(data, at, end, *value) -> next``; next is ``at`` where no integer is."""
    kind = ir.FunctionType(_I64, [_I8.as_pointer(), _I64, _I64, _I64.as_pointer()])
    function = ir.Function(module, kind, "read_int")
    function.linkage = "internal"
    function.attributes.add("alwaysinline")
    data, at, end, value = function.args
    entry, body, fast, slow, loop, done, bad = (
        function.append_basic_block(name)
        for name in ("entry", "body", "fast", "slow", "loop", "done", "bad")
    )
    b = ir.IRBuilder(entry)
    b.cbranch(b.icmp_signed("<", at, end), body, bad)

    b.position_at_end(body)
    control = b.zext(b.load(b.gep(data, [at])), _I64)
    size = b.and_(control, _I64(0x0F))
    first = b.add(at, _I64(1))
    after = b.add(first, size)
    plain = b.icmp_signed("==", b.and_(control, _I64(0x70)), _I64(0))
    some = b.icmp_unsigned("<", b.sub(size, _I64(1)), _I64(8))
    inside = b.icmp_signed("<=", after, end)
    wide = b.icmp_signed("<=", b.add(first, _I64(8)), end)
    check = function.append_basic_block("check")
    b.cbranch(b.and_(b.and_(plain, some), inside), check, bad)
    b.position_at_end(check)
    b.cbranch(wide, fast, slow)

    b.position_at_end(fast)  # eight bytes can be read: keep ``size`` of them
    eight = b.load(b.bitcast(b.gep(data, [first]), _I64.as_pointer()))
    eight.align = 1
    drop = b.sub(_I64(64), b.shl(size, _I64(3)))
    magnitude_fast = b.lshr(b.shl(eight, drop), drop)
    b.branch(done)

    b.position_at_end(slow)  # near the end of the file: byte by byte
    b.branch(loop)
    b.position_at_end(loop)
    left = b.phi(_I64)
    total = b.phi(_I64)
    left.add_incoming(size, slow)
    total.add_incoming(_I64(0), slow)
    less = b.sub(left, _I64(1))
    byte = b.zext(b.load(b.gep(data, [b.add(first, less)])), _I64)
    grown = b.or_(b.shl(total, _I64(8)), byte)
    left.add_incoming(less, loop)
    total.add_incoming(grown, loop)
    b.cbranch(b.icmp_signed("==", less, _I64(0)), done, loop)

    b.position_at_end(done)
    magnitude = b.phi(_I64)
    magnitude.add_incoming(magnitude_fast, fast)
    magnitude.add_incoming(grown, loop)
    negative = b.icmp_signed("!=", b.and_(control, _I64(0x80)), _I64(0))
    b.store(b.select(negative, b.neg(magnitude), magnitude), value)
    # A magnitude that needs the sign bit is legal only in an unsigned field; leave it to Python.
    b.ret(b.select(b.icmp_signed("<", magnitude, _I64(0)), at, after))

    b.position_at_end(bad)
    b.ret(at)
    return function


def _build_read_numbers(module: ir.Module, read_int: ir.Function) -> None:
    """Build the loop over the items of a layout; see :meth:`NumberStream.read`."""
    pointers = [_I8, _I64, _I64, _F32, _I64]
    kind = ir.FunctionType(
        _I64, [_I8.as_pointer(), _I64, _I64, _I64, _I64, *(p.as_pointer() for p in pointers)]
    )
    function = ir.Function(module, kind, "phiz_read_numbers")
    data, start, end, count, skip, layout, wanted, ints, floats, state = function.args
    entry = function.append_basic_block("entry")
    head, item, number, scaled, keep_int, keep_same, keep_float, stored, stop = (
        function.append_basic_block(name)
        for name in (
            "head", "item", "number", "scaled", "keep_int", "keep_same", "keep_float", "stored",
            "stop",
        )
    )  # fmt: skip
    b = ir.IRBuilder(entry)
    mantissa, exponent = b.alloca(_I64), b.alloca(_I64)
    b.branch(head)

    b.position_at_end(head)
    k, at, ni, nf = (b.phi(_I64) for _ in range(4))
    for phi, begin in ((k, skip), (at, start), (ni, _I64(0)), (nf, _I64(0))):
        phi.add_incoming(begin, entry)
    b.cbranch(b.icmp_signed("<", k, count), item, stop)

    b.position_at_end(item)
    what = b.load(b.gep(layout, [k]))
    next_int = b.call(read_int, [data, at, end, mantissa])
    is_int = b.icmp_signed("!=", next_int, at)
    value = b.load(mantissa)
    found = function.append_basic_block("found")
    b.cbranch(is_int, found, stop)
    b.position_at_end(found)
    choice = b.switch(what, number)
    choice.add_case(_I8(INT), keep_int)
    choice.add_case(_I8(SAME), keep_same)

    b.position_at_end(number)
    next_float = b.call(read_int, [data, next_int, end, exponent])
    has_exponent = b.icmp_signed("!=", next_float, next_int)
    power = b.load(exponent)
    sane = b.icmp_unsigned("<=", b.add(power, _I64(1022)), _I64(2045))  # a normal double
    b.cbranch(b.and_(has_exponent, sane), scaled, stop)

    b.position_at_end(scaled)
    factor = b.bitcast(b.shl(b.add(power, _I64(1023)), _I64(52)), _F64)
    result = b.fptrunc(b.fmul(b.sitofp(value, _F64), factor), _F32)
    # x - x is 0 for every finite x and NaN for the others.
    finite = b.fcmp_ordered("==", b.fsub(result, result), _F32(0.0))
    b.cbranch(finite, keep_float, stop)

    b.position_at_end(keep_float)
    b.store(result, b.gep(floats, [nf]))
    nf_more = b.add(nf, _I64(1))
    b.branch(stored)

    b.position_at_end(keep_int)
    b.store(value, b.gep(ints, [ni]))
    ni_more = b.add(ni, _I64(1))
    b.branch(stored)

    b.position_at_end(keep_same)
    b.cbranch(b.icmp_signed("==", value, b.load(b.gep(wanted, [k]))), stored, stop)

    b.position_at_end(stored)
    new_at, new_ni, new_nf = (b.phi(_I64) for _ in range(3))
    for block, values in (
        (keep_float, (next_float, ni, nf_more)),
        (keep_int, (next_int, ni_more, nf)),
        (keep_same, (next_int, ni, nf)),
    ):
        for phi, incoming in zip((new_at, new_ni, new_nf), values, strict=True):
            phi.add_incoming(incoming, block)
    more = b.add(k, _I64(1))
    for phi, incoming in ((k, more), (at, new_at), (ni, new_ni), (nf, new_nf)):
        phi.add_incoming(incoming, stored)
    b.branch(head)

    b.position_at_end(stop)
    for place, phi in enumerate((k, ni, nf)):
        b.store(phi, b.gep(state, [_I64(place)]))
    b.ret(at)


def _translate() -> str:
    """Return the loop as an optimised module in LLVM's language."""
    module = ir.Module("phiz_stream")
    _build_read_numbers(module, _build_read_int(module))
    return optimised(str(module))


@functools.cache
def _loaded() -> tuple[Callable[..., int], Native]:
    """Return the loop, and the machine code that must live as long."""
    code = native("phiz_read_numbers", _translate)
    pointer, wide = ctypes.c_void_p, ctypes.c_int64
    prototype = ctypes.CFUNCTYPE(wide, pointer, wide, wide, wide, wide, *[pointer] * 5)
    return prototype(code.address), code


class NumberStream:
    """Reads runs of numbers whose kinds are known beforehand.

    data: the whole file.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data: U8 = np.frombuffer(data, np.uint8)
        self._function, self._code = _loaded()

    def read(
        self,
        at: int,
        layout: U8,
        wanted: I64,
        ints: I64,
        floats: F32,
        *,
        skip: int = 0,
    ) -> tuple[int, int, int, int]:
        """Read items ``skip`` onwards of ``layout``, starting at byte ``at``.

        layout: (n,) of INT, FLOAT and SAME.  wanted: (n,), read where layout is SAME.
        ints, floats: filled from the front.

        Returns (next byte, next item, integers stored, floats stored).  Reading stops before the
        first item that is not there, does not equal what is wanted, is not finite, or is written
        in a way that only the careful reader knows; next item is n when there was none.
        """
        state: NDArray[np.int64] = np.zeros(3, np.int64)
        after = self._function(
            self._data.ctypes.data,
            at,
            self._data.size,
            len(layout),
            skip,
            layout.ctypes.data,
            wanted.ctypes.data,
            ints.ctypes.data,
            floats.ctypes.data,
            state.ctypes.data,
        )
        return int(after), int(state[0]), int(state[1]), int(state[2])
