"""dlib's value classes: side by side with dlib's own module, and a few facts without it."""

from __future__ import annotations

import pickle  # noqa: TID251 - dlib's objects are exchanged so
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiz.compat import dlib as ours
from phiz.compat.dlib.mmod import make_mmod_rectangle
from tests.dlib_values import CALLS, outcome

LONG = st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50)
REAL = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-50, 50).map(lambda n: n / 2)
SIDES, REAL_SIDES = st.tuples(LONG, LONG, LONG, LONG), st.tuples(REAL, REAL, REAL, REAL)


@pytest.mark.oracle
@pytest.mark.parametrize("call", CALLS)
def test_a_call_ends_as_dlibs(dlib: Any, call: str) -> None:
    assert outcome(ours, call) == outcome(dlib, call)


def _facts(rect: Any) -> list[Any]:
    facts = [repr(rect), str(rect), rect.is_empty(), rect.__getstate__()]
    facts += [repr(getattr(rect, name)()) for name in ("width", "height", "area")]
    return facts + [str(getattr(rect, name)()) for name in ("tl_corner", "center", "dcenter")]


@pytest.mark.oracle
@given(one=SIDES, two=SIDES, at=st.tuples(LONG, LONG), by=LONG, scale=REAL)
def test_any_rectangle(dlib: Any, one: Any, two: Any, at: Any, by: int, scale: float) -> None:
    def run(d: Any) -> list[Any]:
        a, b, p = d.rectangle(*one), d.rectangle(*two), d.point(*at)
        made = [a, b, a + b, a + p, a.intersect(b), d.translate_rect(a, p), d.shrink_rect(a, by)]
        made += [d.grow_rect(a, by), d.scale_rect(a, scale), d.centered_rect(a, 7, 8)]
        made += [d.centered_rect(p, abs(by), 5)]
        told = [a == b, a.contains(b), a.contains(p), b.contains(*at), str(d.length(p))]
        return [*map(_facts, made), *told, d.dot(p, a.br_corner()), str(p.normalize())]

    assert run(ours) == run(dlib)


@pytest.mark.oracle
@given(one=REAL_SIDES, two=REAL_SIDES, at=st.tuples(REAL, REAL))
def test_any_drectangle(dlib: Any, one: Any, two: Any, at: Any) -> None:
    def run(d: Any) -> list[Any]:
        a, b, p = d.drectangle(*one), d.drectangle(*two), d.dpoint(*at)
        made = [a, b, a.intersect(b), d.translate_rect(a, p), d.rectangle(a)]
        made += [d.centered_rect(a, 7, 8), d.translate_rect(d.rectangle(), p)]
        told = [a == b, a.contains(b), a.contains(p), d.rectangle(b).contains(p), str(d.point(p))]
        told += [str(d.length(p)), str(d.dot(p, a.br_corner())), str(p.normalize()), str(p / 3)]
        return [*map(_facts, made), *told, str(d.center(a))]

    assert run(ours) == run(dlib)


@pytest.mark.oracle
@given(values=st.lists(REAL), other=st.lists(REAL, min_size=1), cut=st.slices(6))
def test_any_vector(dlib: Any, values: list[float], other: list[float], cut: slice) -> None:
    def run(d: Any) -> list[Any]:
        v, w = d.vector(values), d.vector(other)
        shared = d.vectors([v, w, d.vector(3)])
        told = [repr(v), str(v), repr(v[cut]), v.shape, v.__getstate__(), str(d.dot(w, w))]
        told += [repr(shared), shared == shared[:], shared.__getstate__(), shared.count(w)]
        corners = d.dpoints(map(d.dpoint, values, reversed(values)))
        return [*told, repr(corners), corners.__getstate__(), str(d.polygon_area(corners))]

    assert run(ours) == run(dlib)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 9)),
        st.tuples(st.just("insert"), st.integers(-4, 4), st.integers(0, 9)),
        st.tuples(st.just("pop"), st.integers(-4, 4)),
        st.tuples(st.just("pop")),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("resize"), st.integers(0, 5)),
        st.tuples(st.just("set"), st.integers(-4, 4), st.integers(0, 9)),
        st.tuples(st.just("del"), st.integers(-4, 4)),
        st.tuples(st.just("del"), st.slices(5).filter(lambda cut: (cut.step or 1) > 0)),
        st.tuples(st.just("get"), st.slices(5)),
        st.tuples(st.just("put"), st.slices(5), st.integers(0, 5)),
    ),
    max_size=12,
)


@pytest.mark.oracle
@given(steps=STEPS)
def test_any_list_after_any_steps(dlib: Any, steps: list[Any]) -> None:
    def run(d: Any) -> list[str]:
        def item(n: int) -> Any:
            return d.point(n, -n)

        told, items = [], d.points(map(item, range(3)))
        for name, *rest in steps:
            try:
                if name in ("append", "remove"):
                    given = getattr(items, name)(item(rest[0]))
                elif name == "insert":
                    given = items.insert(rest[0], item(rest[1]))
                elif name == "set":
                    given = items.__setitem__(rest[0], item(rest[1]))
                elif name == "put":
                    given = items.__setitem__(rest[0], d.points(rest[1]))
                else:
                    method = {"del": "__delitem__", "get": "__getitem__"}.get(name, name)
                    given = getattr(items, method)(*rest)
                told.append(f"{given!r} {items}")
            except Exception as error:  # noqa: BLE001 - which one is compared
                told.append(f"{error!r} {items}")
        return told

    assert run(ours) == run(dlib)


def _samples(d: Any) -> list[Any]:
    inf, nan = float("inf"), float("nan")
    rects = d.rectangles([d.rectangle(1, -2, 300, 2**62), d.rectangle()])
    real = d.drectangle(0.1, -inf, nan, -0.0)
    vectors = d.vectors([d.vector([1 / 3, inf, nan, 5e-324]), d.vector()])
    face = d.full_object_detection(rects[0], [d.point(7, -8), d.point(-(2**63), 9)])
    several = d.full_object_detections([face, face])
    points = d.points([d.point(1, 2)]), d.dpoints([d.dpoint(nan, 1e308)])
    made = [*points, *rects, rects, d.rectangless([rects]), real, *vectors, vectors]
    return [*made, d.vectorss([vectors]), face, several, d.point(3, 4), d.dpoint(-inf, 0.5)]


@pytest.mark.oracle
def test_pickled_states_are_dlibs_bytes(dlib: Any) -> None:
    for mine, its in zip(_samples(ours), _samples(dlib), strict=True):
        assert mine.__getstate__() == its.__getstate__(), mine
        assert type(mine).__qualname__ == type(its).__qualname__


OTHER_PROCESS = """
import importlib, pickle, sys
if {phiz!r}:
    import phiz.compat.dlib
    sys.modules["_dlib_pybind11"] = phiz.compat.dlib
else:
    import dlib
sys.path.insert(0, {root!r})
objects = pickle.load(sys.stdin.buffer)
states = [each.__getstate__() for each in objects]
sys.stdout.buffer.write(pickle.dumps((states, objects)))
"""


def _through_another_process(objects: list[Any], root: str, *, phiz: bool) -> tuple[Any, Any]:
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS.format(phiz=phiz, root=root)],
        input=pickle.dumps(objects),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)


@pytest.mark.oracle
def test_pickles_travel_both_ways(
    dlib: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(request.config.rootpath)
    states, back = _through_another_process(_samples(dlib), root, phiz=True)
    assert (
        states
        == [each.__getstate__() for each in _samples(dlib)]
        == [each.__getstate__() for each in back]
    )
    assert {type(each).__module__ for each in back} == {"_dlib_pybind11"}
    monkeypatch.setitem(sys.modules, "_dlib_pybind11", ours)
    states, back = _through_another_process(_samples(ours), root, phiz=False)
    assert states == [each.__getstate__() for each in back]
    assert [type(each) for each in back] == [type(each) for each in _samples(ours)]


KINDS = sorted({type(each).__qualname__ for each in _samples(ours)})


def _loaded(module: Any, kind: str, state: Any) -> str:
    made = getattr(module, kind).__new__(getattr(module, kind))
    try:
        made.__setstate__(state)
    except Exception as error:  # noqa: BLE001 - which one is compared
        return f"{type(error).__name__}: {error}"
    return str(made.__getstate__())


@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
def test_broken_states_end_as_in_dlib(dlib: Any, kind: str) -> None:
    for sample in _samples(ours):
        if type(sample).__qualname__ != kind:
            continue
        (data,) = sample.__getstate__()
        broken = [(data[:cut],) for cut in range(len(data))]
        broken += [(data + b"more",), (), (data, 1), 3, (3,), (None,), (bytearray(data),), [data]]
        for state in broken:
            assert _loaded(ours, kind, state) == _loaded(dlib, kind, state), state


@pytest.mark.oracle
@given(data=st.binary(max_size=24) | st.text("0123456789.-e ", max_size=24).map(str.encode))
def test_any_bytes_are_read_as_dlib_reads_them(dlib: Any, data: bytes) -> None:
    for kind in ("point", "dpoint", "rectangle", "drectangle"):
        assert _loaded(ours, kind, (data,)) == _loaded(dlib, kind, (data,))
    assert _loaded(ours, "vector", (b"\x81\x02\x81\x01" + data,)) == _loaded(
        dlib, "vector", (b"\x81\x02\x81\x01" + data,)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [b"\x04\xff\xff\xff\x7f", b"\x08" + b"\xff" * 8, b"\x81\x01"])
def test_a_state_that_promises_too_much_is_refused(kind: str, count: bytes) -> None:
    for data in (count, count + b"\x81\x01", b"\x01\x02" * 5 + count, b"\x01\x01" + count):
        result = _loaded(ours, kind, (data,))
        assert result.startswith(("RuntimeError: Error", "RuntimeError: Unexpected", "(b'"))


def test_what_dlib_does_without_looking_is_refused() -> None:
    vector = ours.vector([1, 2, 3])
    with pytest.raises(IndexError, match="out of range"):
        vector[-4] = 1.0
    with pytest.raises(RuntimeError, match="found 3 and 1"):
        ours.dot(vector, ours.vector([1]))
    with pytest.raises(MemoryError):
        vector.resize(-2)
    assert ours.dot(ours.vector(), ours.vector()) == 0.0


def test_detections_of_cnn_detectors() -> None:
    box = ours.rectangle(1, 2, 3, 4)
    found = make_mmod_rectangle(box, 0.5)
    found.rect += ours.point(9, 9)
    assert (box, found.rect) == (ours.rectangle(1, 2, 3, 4), ours.rectangle(1, 2, 9, 9))
    assert found.rect is found.rect
    kept = found.rect
    found.rect = box
    assert kept == box
    assert kept is not box
    found.confidence = 2
    several = ours.mmod_rectangles([found, make_mmod_rectangle(box, 2.0)])
    assert repr(several) == "mmod_rectangles[[(1, 2) (3, 4)], [(1, 2) (3, 4)]]"
    assert several.count(found) == 2
    found.confidence = 1.0
    assert found not in several
    assert several == ours.mmod_rectangless([several])[0]
    with pytest.raises(TypeError, match=r"\(self: _dlib_pybind11.mmod_rectangle, arg0: float\)"):
        found.confidence = "a"
    with pytest.raises(TypeError, match=r"arg0: _dlib_pybind11\.rectangle"):
        found.rect = None
    with pytest.raises(TypeError, match=r"cannot pickle '_dlib_pybind11\.mmod_rectangles'"):
        pickle.dumps(several)


def test_pickles_without_dlibs_name() -> None:
    for each in _samples(ours):
        back = pickle.loads(pickle.dumps(each))
        assert type(back) is type(each)
        assert back.__getstate__() == each.__getstate__()


def test_numpy_reads_vectors_and_users_may_derive() -> None:
    assert np.array_equal(np.array(ours.vector([1, 2.5])), [1.0, 2.5])

    class Face(ours.rectangle):
        pass

    face = Face(1, 2, 3, 4)
    assert face.width() == 3
    assert type(ours.rectangles([face])[0]) is ours.rectangle


def test_the_import_is_light() -> None:
    code = "import sys, phiz.compat.dlib; print([m for m in %r if m in sys.modules])"
    heavy = ["onnxruntime", "numba", "PIL", "torch"]
    done = subprocess.run(
        [sys.executable, "-c", code % heavy], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "[]"
