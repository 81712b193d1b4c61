"""ONNX Runtime on the processor: the default backend, and the only importer of onnxruntime."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
from numpy.typing import NDArray

from phiz.cache import drop_sealed, find_sealed, private_dir, save_sealed, undamaged
from phiz.checks import F32
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.formats.int8_ranges import Int8Ranges
    from phiz.graph.graph import Graph

__all__ = [
    "InputShape",
    "OrtSession",
    "cached_session",
    "compile_graph",
    "compile_int8",
    "foreign_session",
    "full_range",
    "stored_session",
]

_CONVERTER = 8  # raise when the same weights would be converted differently, or to another opset
_PROVIDERS = ["CPUExecutionProvider"]
_AT_ONCE = 2  # runs of one session side by side; more would only take more memory


def _options(threads: int, *, optimise: bool) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it keeps a plan, and memory, for every batch size
    options.log_severity_level = 3  # errors only: it warns about its own saved models
    # Threads that spin while they wait take the processor from the rest of the pipeline.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Networks in int8 are written with the operators that are to run: nothing is to be fused.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


class OrtSession:
    """A graph compiled by ONNX Runtime; threads, and forked children, may share one."""

    def __init__(
        self, make: Callable[[], onnxruntime.InferenceSession], at_once: int = _AT_ONCE
    ) -> None:
        self._make = make
        self._at_once = at_once
        self._session = make()
        self._pid = os.getpid()
        self._slots = threading.BoundedSemaphore(self._at_once)
        self._lock = threading.Lock()
        self._names = [output.name for output in self._session.get_outputs()]

    def _own_session(self) -> onnxruntime.InferenceSession:
        if self._pid != os.getpid():  # a forked child has none of its parent's threads
            self._lock = threading.Lock()
            self._slots = threading.BoundedSemaphore(self._at_once)
            self._session, self._pid = self._make(), os.getpid()
        return self._session

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, F32]:
        """Return every output for these inputs; see :class:`phiz.backends.session.Session`."""
        session = self._own_session()
        with self._slots:
            values = session.run(self._names, dict(feeds))
        return dict(zip(self._names, values, strict=True))


def _convert(graph: Graph, *, fold: bool = True, outputs: Sequence[str] | None = None) -> bytes:
    """Return the ONNX bytes of a graph."""
    from phiz.formats.onnx import encode_onnx  # not needed for a cached model
    from phiz.graph.graph import apply
    from phiz.graph.layout_passes import flatten_pixels, pad_channels, split_kernels
    from phiz.graph.passes import drop_tiny, drop_unread, fold_affine, fold_batch_norm
    from phiz.graph.transposed_passes import flip_transposed, split_transposed

    if fold:
        graph = apply(graph, drop_unread, fold_batch_norm, fold_affine, drop_tiny)
        graph = apply(graph, flip_transposed, split_transposed)
        graph = apply(graph, flatten_pixels, pad_channels, split_kernels)
    return encode_onnx(graph, outputs)


def compile_graph(
    graph: Graph,
    *,
    threads: int,
    fold: bool = True,
    outputs: Sequence[str] | None = None,
    at_once: int = _AT_ONCE,
) -> OrtSession:
    """Compile a graph.

    threads: of one run.  at_once: runs side by side; further callers wait.
    fold: merge normalisation into convolutions; off, every inner value can be asked for.
    outputs: values to return; by default the graph's own.
    """
    model = _convert(graph, fold=fold, outputs=outputs)
    options = _options(threads, optimise=fold)
    return OrtSession(
        lambda: onnxruntime.InferenceSession(model, options, providers=_PROVIDERS), at_once
    )


def _convert_int8(
    graph: Graph, limits: Mapping[str, F32], lows: Mapping[str, F32], *, full: bool
) -> bytes:
    """Return the ONNX bytes of a graph in int8."""
    from phiz.formats.onnx_int8 import encode_int8
    from phiz.graph.int8_passes import FULL, REDUCED, prepare, quantise

    return encode_int8(quantise(prepare(graph), limits, lows, top=FULL if full else REDUCED))


def compile_int8(
    graph: Graph,
    limits: Mapping[str, F32],
    lows: Mapping[str, F32],
    *,
    full: bool | None = None,
    at_once: int = _AT_ONCE,
) -> OrtSession:
    """Compile a graph in int8; each run has one thread.

    limits, lows: see :func:`phiz.graph.int8_passes.quantise`.
    full: weights of 8 bits instead of 7; by default what :func:`full_range` says.
    at_once: runs side by side; further callers wait.
    """
    full = full_range() if full is None else full
    model = _convert_int8(graph, limits, lows, full=full)
    options = _options(1, optimise=True)
    return OrtSession(
        lambda: onnxruntime.InferenceSession(model, options, providers=_PROVIDERS), at_once
    )


def full_range() -> bool:
    """Say whether this processor adds up products of bytes without overflow.

    x86-64 without VNNI adds pairs of them in 16 bits, so that weights may only have 7 bits.
    """
    import platform

    if platform.machine().lower() in ("aarch64", "arm64"):
        return True
    return bool({"avx512_vnni", "avx_vnni"} & set(_processor().split()))


@cache
def _processor() -> str:
    """Return what ONNX Runtime's optimised models depend on: the processor's abilities."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(line.split(":", 1)[1].split()))
    except OSError:
        pass
    import platform

    return f"{platform.machine()} {platform.processor()}"


def _precision(ranges: Int8Ranges | None) -> str:
    if ranges is None:
        return "float32"
    return f"int8, {8 if full_range() else 7} bits, ranges {ranges.digest}"


def _cache_key(weights: str, arch: str, ranges: Int8Ranges | None) -> str:
    parts = (
        weights,
        arch,
        f"converter {_CONVERTER}",
        _precision(ranges),
        f"onnxruntime {onnxruntime.__version__}",
        _processor(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _optimised(model: bytes, threads: int) -> bytes:
    """Return the model as ONNX Runtime rewrites it for this processor."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="phiz-") as folder:
        path = Path(folder) / "model.onnx"
        options = _options(threads, optimise=True)
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model, options, providers=_PROVIDERS)
        return path.read_bytes()


def _folder() -> Path | None:
    try:
        return private_dir("models")
    except OSError:
        return None


def stored_session(
    *,
    weights: str,
    arch: str,
    threads: int,
    at_once: int = _AT_ONCE,
    ranges: Int8Ranges | None = None,
) -> OrtSession | None:
    """Load what an earlier process compiled, or return None; see :func:`cached_session`."""
    key = _cache_key(weights, arch, ranges)
    folder = _folder()
    stored = find_sealed(folder, key) if folder else None
    if folder is None or stored is None:
        return None
    with ThreadPoolExecutor(1) as side:
        check = side.submit(undamaged, stored)
        try:
            session = _ready_session(str(stored), threads, at_once)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made again
            session = None
    if session is None or not check.result():
        drop_sealed(folder, key)
        return None
    return session


def cached_session(
    make_graph: Callable[[], Graph],
    *,
    weights: str,
    arch: str,
    threads: int,
    at_once: int = _AT_ONCE,
    ranges: Int8Ranges | None = None,
) -> OrtSession:
    """Compile a graph, or load what an earlier process compiled.

    make_graph: called only if the cache has nothing.  weights: hash of the weight file.
    arch: name of the architecture.  threads, at_once: see :func:`compile_graph`.
    ranges: of the activations, for a network in int8.

    A cache that cannot be read or written costs time, never correctness: what it holds is
    checked against its digest, and is made again if that fails.
    """
    session = stored_session(
        weights=weights, arch=arch, threads=threads, at_once=at_once, ranges=ranges
    )
    if session is not None:
        return session
    if ranges is None:
        model = _convert(make_graph())
    else:
        model = _convert_int8(make_graph(), ranges.limits, ranges.lows, full=full_range())
    model = _optimised(model, threads)
    folder = _folder()
    if folder:
        with contextlib.suppress(OSError):
            save_sealed(folder, _cache_key(weights, arch, ranges), model)
    return _ready_session(model, threads, at_once)


def _ready_session(model: bytes | str, threads: int, at_once: int) -> OrtSession:
    options = _options(threads, optimise=False)
    return OrtSession(
        lambda: onnxruntime.InferenceSession(model, options, providers=_PROVIDERS), at_once
    )


@dataclass(frozen=True, slots=True)
class InputShape:
    """An input of a foreign model: its name, element type, and shape, None where any will do."""

    name: str
    kind: str
    shape: tuple[int | None, ...]


def foreign_session(model: bytes, *, threads: int) -> tuple[OrtSession, list[InputShape], int]:
    """Make a session of an ONNX model that phiz did not write.

    Returns it, its inputs, and how many outputs it has.  What it keeps outside of its bytes is not
    read.  Raises OptionError with ONNX Runtime's reason for a model that it does not take.
    """
    options = _options(threads, optimise=True)

    def make() -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(model, options, providers=_PROVIDERS)

    try:
        session = make()
    except Exception as error:
        # ONNX Runtime's errors have no common class; the reason is in the text.
        raise OptionError(f"not a model that ONNX Runtime runs: {error}") from error
    inputs = [
        InputShape(
            value.name,
            value.type,
            tuple(side if isinstance(side, int) else None for side in value.shape),
        )
        for value in session.get_inputs()
    ]
    return OrtSession(make), inputs, len(session.get_outputs())
