"""What a model computes in, where there is a choice: float32, or int8 for descriptors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from phiz.errors import OptionError
from phiz.formats.int8_ranges import Int8Ranges, find_ranges
from phiz.runtime import Runtime
from phiz.zoo_entry import Entry

if TYPE_CHECKING:
    from phiz.backends.session import Session
    from phiz.geometry import ChipSpec
    from phiz.graph.graph import Graph

__all__ = [
    "PRECISIONS",
    "allow_precision",
    "compiled_session",
    "int8_costs",
    "mark_precision",
    "precision_of",
    "space_of",
    "stored",
]

PRECISIONS: Final = ("float32", "int8")


def allow_precision(entry: Entry | None, precision: str) -> None:
    """Raise OptionError for a precision that does not exist, or that a model does not have."""
    if precision not in PRECISIONS:
        raise OptionError(f"precision: wanted {' or '.join(PRECISIONS)}, found {precision!r}")
    if precision != "float32" and entry is not None and entry.kind != "descriptor":
        raise OptionError(
            f"precision: wanted float32 for {entry.name}, which is no descriptor model, "
            f"found {precision!r}"
        )


def precision_of(precision: str) -> str:
    """Return what to call the numbers that this processor computes.

    Weights of 7 bits give others than weights of 8 bits.
    """
    if precision == "float32":
        return precision
    from phiz.backends.ort import full_range

    return precision if full_range() else f"{precision}, 7-bit weights"


def mark_precision(identity: str, precision: str) -> str:
    """Add to a model's identity what tells it from the same one in float32."""
    return identity if precision == "float32" else f"{identity}/{precision_of(precision)}"


def space_of(weights: str, chip: ChipSpec, precision: str) -> str:
    """Return the space of the descriptors that weights make of chips.  weights: their hash."""
    return f"{weights[:16]}/{chip}/{precision_of(precision)}"


def int8_costs(entry: Entry) -> list[str]:
    """Return what int8 costs a descriptor model, in a sentence for each measurement."""
    said = []
    for revision in entry.revisions:
        try:
            ranges = find_ranges(revision.sha256 or "unverified")
        except OptionError:
            said.append(f"{revision.name}: no activation ranges are shipped: float32 only")
        else:
            said += [f"{revision.name}: {cost}" for cost in ranges.costs]
    return said


def _ranges(weights: str, precision: str) -> Int8Ranges | None:
    return None if precision == "float32" else find_ranges(weights)


def stored(weights: str, arch: str, precision: str, runtime: Runtime) -> Session | None:
    """Load what an earlier process compiled, or return None; see :func:`compiled_session`."""
    from phiz.backends.ort import stored_session

    ranges = _ranges(weights, precision)
    if ranges is None:
        return stored_session(weights=weights, arch=arch, threads=runtime.threads)
    session = stored_session(
        weights=weights, arch=arch, threads=1, at_once=runtime.threads, ranges=ranges
    )
    return _split(session, runtime) if session else None


def compiled_session(
    make_graph: Callable[[], Graph], weights: str, arch: str, precision: str, runtime: Runtime
) -> Session:
    """Compile a descriptor's network, or load what an earlier process compiled.

    make_graph: called only if that is not there.  weights: the hash of the weight file.
    arch: the architecture's name.

    Raises OptionError for int8 where no activation ranges are shipped for these weights.
    """
    from phiz.backends.ort import cached_session

    ranges = _ranges(weights, precision)
    if ranges is None:
        return cached_session(make_graph, weights=weights, arch=arch, threads=runtime.threads)
    session = cached_session(
        make_graph, weights=weights, arch=arch, threads=1, at_once=runtime.threads, ranges=ranges
    )
    return _split(session, runtime)


def _split(session: Session, runtime: Runtime) -> Session:
    from phiz.backends.split import SplitSession

    return SplitSession(session, runtime)
