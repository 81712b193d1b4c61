"""Machine code of kernels: made once, kept in phiz's cache, loaded without the compiler.

Loading through llvmlite takes milliseconds.  Numba, which turns a kernel's Python into LLVM's
language, takes half a second to start even when it has nothing to compile, so that a program that
finds its kernels in the cache never imports it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phiz.cache import find_sealed, private_dir, save_sealed, undamaged

__all__ = ["Native", "kernel_cache", "native", "optimised"]

_LIBC = {
    "memset",
    "memcpy",
    "memmove",
    "floor",
    "floorf",
    "sqrt",
    "sqrtf",
}  # what machine code may call


@dataclass(frozen=True, slots=True)
class Native:
    """Loaded machine code.  address: of the function.  engine: owns the code, and must live."""

    address: int
    engine: Any


@functools.cache
def _host() -> tuple[str, str]:
    """Return the processor's name and the instructions that it has, for the compiler."""
    from llvmlite import binding

    with contextlib.suppress(RuntimeError):  # older versions of llvmlite need it, newer refuse
        binding.initialize()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


def _machine() -> Any:
    from llvmlite import binding

    name, features = _host()
    target = binding.Target.from_default_triple()
    # LLVM's loader wants static relocation on x86, as Numba's own code generator has it.
    reloc = "static" if target.name.startswith("x86") else "default"
    return target.create_target_machine(
        cpu=name, features=features, opt=3, reloc=reloc, codemodel="jitdefault", jit=True
    )


@functools.cache
def kernel_cache() -> Path | None:
    """Return the folder of compiled kernels, or None where the cache cannot be written.

    It is named after everything that the machine code depends on: the kernels' sources, the
    compiler's version, and the processor.
    """
    import llvmlite

    digest = hashlib.sha256("\n".join([llvmlite.__version__, *_host()]).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    try:
        return private_dir("kernels", digest.hexdigest()[:16])
    except OSError:
        return None


def native(symbol: str, make: Callable[[], str]) -> Native:
    """Return the machine code of a function: from the cache, or compiled and put there.

    symbol: its name.  make: returns a module in LLVM's language, optimised, that defines it.
    """
    folder = kernel_cache()
    kept = find_sealed(folder, symbol) if folder else None
    if kept is not None and undamaged(kept):
        with contextlib.suppress(OSError):  # another process may be clearing the cache
            return _load(symbol, kept.read_bytes())
    content = _emit(make())
    if folder is not None:
        with contextlib.suppress(OSError):  # a full disk costs the next process the time again
            save_sealed(folder, symbol, content)
    return _load(symbol, content)


def optimised(text: str) -> str:
    """Run LLVM's usual passes over a module in its language."""
    from llvmlite import binding

    _host()
    module = binding.parse_assembly(text)
    module.verify()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    builder = binding.create_pass_builder(_machine(), options)
    builder.getModulePassManager().run(module, builder)
    return str(module)


def _emit(text: str) -> bytes:
    from llvmlite import binding

    module = binding.parse_assembly(text)
    module.verify()
    # A symbol that nobody has would be called at address 0.
    needs = {f.name for f in module.functions if f.is_declaration}
    strange = [name for name in needs if not name.startswith("llvm.") and name not in _LIBC]
    if strange:
        raise RuntimeError(f"a kernel that needs {', '.join(sorted(strange))} cannot stand alone")
    content: bytes = _machine().emit_object(module)
    return content


def _load(symbol: str, content: bytes) -> Native:
    from llvmlite import binding

    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(content))
    engine.finalize_object()
    return Native(engine.get_function_address(symbol), engine)
