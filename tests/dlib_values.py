"""Calls that dlib's module and phiz's must answer alike.

Each line is an expression, after ``;`` if statements come first.  In it ``d`` is the module,
``R DR P D V`` are its rectangle, drectangle, point, dpoint and vector, ``N`` is NaN, ``I``
infinity.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np

RECTANGLES = """
R(), R(1, 2, 3, 4), R(left=1, top=2, right=3, bottom=4), R(1, 2, 3, bottom=4), R(rect=R())
R(DR(0.5, 1.5, -0.5, -1.5)), R(rect=DR()), R(DR(N, I, -I, 1e30)), R(DR(2.4, 2.6, -2.4, -2.6))
R(0.49999999999999994, 0, 0, 0)
R(DR(0.49999999999999994, 4503599627370497.5, -0.49999999999999994, 2.0**63))
R(1.0, 2, 3, 4)
R("1", 2, 3, 4)
R(left=1)
R(2**63, 0, 0, 0)
R(None)
DR(), DR(1, 2, 3, True), DR(R(1, 2, 3, 4)), DR(2**70, 1e-7, 123456789, 1 / 3), DR(rect=R())
DR(np.float32(0.1), np.int8(3), np.float64(2), 0)
DR("1", 1, 1, 1)
str(R(1, 2, 3, 4)), str(DR(1, 2.5, -3, 4)), DR(N, -N, I, -I), str(DR(-0.0, 1e16, 1e5, 1e-5))
R(3, 3, 1, 1).area(), R(1, 2, 3, 4).area(), R(1, 2, 3, 4).width(), R(1, 2, 3, 5).height()
R(-(2**63), 0, 2**63 - 1, 5).width(), R(-(2**63), -(2**63), 2**63 - 2, 5).area()
R(0, 0, 2**40, 2**40).area(), R(2**63 - 1, 0, 0, 0).center(), R(1, 1, 2**63 - 1, 1).dcenter()
[R(a, b, 1, 2).center() for a in (-5, -2, -1, 0) for b in (-5, -4, -1, 0)]
[R(a, b, 1, 2).dcenter() for a in (-5, -2, -1, 0) for b in (-5, -4, -1, 0)]
DR(0, 0, 2.5, 3.5).center(), DR(0, 0, 2.5, 3.5).dcenter(), DR(-1.5, 0, 0.5, 3.5).center()
DR(N, 0, 1, 1).center(), DR(I, 0, 1, 1).dcenter()
d.center(DR(0, 0, 2.5, 3.5)), d.center(R(0, 0, 3, 4))
DR(1, 2, 3, 4).area(), DR(0, 0, -1, 5).area(), DR(0, 0, 1.5, 2.5).width(), DR(0, 0, N, 1).height()
[getattr(R(1, 2, 3, 4), c + "_corner")() for c in ("tl", "tr", "bl", "br")]
[getattr(DR(1.5, 2, 3, 4), c + "_corner")() for c in ("tl", "tr", "bl", "br")]
R().is_empty(), R(1, 1, 1, 1).is_empty(), R(1, 1, 1, 0).is_empty(), DR(N, 0, 1, 1).is_empty()
R(1, 2, 3, 4).contains(2, 3), R(1, 2, 3, 4).contains(R()), R(1, 2, 3, 4).contains(R(2, 3, 3, 4))
R(1, 2, 3, 4).contains(D(0.5, 2)), R(1, 2, 3, 4).contains(D(0.4, 2)), R().contains(R())
R(1, 2, 3, 4).contains(x=2, y=3), R(1, 2, 3, 4).contains(point=P(1, 2))
R(1, 2, 3, 4).contains(rectangle=R(1, 2, 3, 9)), R(1, 2, 3, 4).contains(P(4, 4))
R(1, 2, 3, 4).contains(1.5, 2)
R(1, 2, 3, 4).contains(DR())
R(1, 2, 3, 4).contains((1, 2))
R(1, 2, 3, 4).contains(None)
DR(N, 0, 1, 1).contains(P(5, 0)), DR(0, 0, 1, 1).contains(D(1, 1.1)), DR(0, 0, 1, 1).contains(0, 1)
DR(0, 0, 1, 1).contains(DR()), DR(0, 0, 1, 1).contains(DR(0, 0, 1, 2))
DR(0, 0, 2, 2).contains(P(2, 2))
R(1, 2, 3, 4).intersect(R(2, 0, 9, 3)), R(3, 3, 1, 1).intersect(R())
DR(1, 2, 3, 4).intersect(DR(2.5, 0, N, 3)), DR(N, -0.0, 3, 4).intersect(DR(2.5, 0, N, 3))
R(1, 2, 3, 4).intersect(DR())
R(1, 2, 3, 4) + P(0, 0), R() + P(5, 5), R(1, 2, 3, 4) + R(), R() + R(5, 5, 5, 5)
R(3, 3, 1, 1) + R(4, 4, 2, 2)
P(1, 1) + R(1, 2, 3, 4)
R() + DR()
DR() + DR()
r = R(1, 2, 3, 4); s = r; r += P(9, 9); s, r is s
r = R(1, 2, 3, 4); s = r; r += R(0, 0, 1, 1); s, r is s
r = R(1, 2, 3, 4); r += 3; r
R() == R(), R() != R(), R() == DR(), DR() != R()
R() == None, R() != 3, DR(N, 0, 1, 1) == DR(N, 0, 1, 1)
DR(0.0, 0, 1, 1) == DR(-0.0, 0, 1, 1), DR() == DR(), DR() != DR(1, 1, 1, 1), R().__eq__(3)
hash(R())
hash(DR())
R() < R()
R(1, 2, 3, 4).left(1)
R(1, 2, 3, 4).left(x=1)
R.left(3)
r = R(); r.foo = 1; r
R().l
"""

POINTS = """
D(N, 1), D(-N, 1), D(0.0, 1) / 0, D(1, -1) / 0, D(-0.0, 0), D(1e-5, 100000), D(1e6, 999999.5)
D(123456.5, 0.00012345678), P(1, 2) / 0, P(0, 0).normalize(), D(0, 0).normalize(), str(D(0, 0) / 0)
D(1e200, 1e200).normalize(), P(2**40, 2**40).normalize(), P(3037000500, 0).normalize()
P(2**63 - 1, 0) + P(1, 0), P(-(2**63), 0) - P(1, 0), P(1, 2) * I, P(1, 2) * N
2.5 * P(1, 2), np.float32(2) * P(1, 2), P(1, 2) * np.float64(2)
P(D(1e300, N)), P(D(-0.5, 0.49999999999999994))
P(D(4503599627370497.5, 0)), P(np.array([N, 1e300]))
delattr(P(1, 2), "x")
setattr(P(1, 2), "x", "a")
setattr(D(1, 2), "y", None)
"""

LISTS = """
[getattr(d, n)() for n in ("points", "dpoints", "rectangles", "vectors", "mmod_rectangles")]
d.rectangles(2), d.points(np.int64(3)), d.points(True), d.points(initial_size=2), d.dpoints(1)
d.rectangles([R(1, 2, 3, 4)]), d.rectangles((R(), R())), d.points(P(i, i) for i in range(3))
d.points(d.points(2)), d.points({}), d.points(""), d.points(d.dpoints()), d.rectangless(2)[1]
d.rectangles(2.5)
d.rectangles("ab")
d.rectangles([1])
d.rectangles([R(), None])
d.rectangles(-1)
d.rectangles(2**62)
d.rectangles(2**50)
d.points([P(1, 2), D(1, 2)])
d.dpoints([P(1, 2)])
d.points([(1, 2)])
d.points(np.zeros((3, 2)))
d.points(None)
d.points(1, 2)
d.rectangless([[R()]])
d.vectors(3)
d.vectors([[1, 2]])
d.full_object_detections(3)
d.mmod_rectangles(3)
d.mmod_rectangles([R()])
d.mmod_rectangless([d.mmod_rectangles()]) == d.mmod_rectangless([d.mmod_rectangles()])
x = d.rectangles(3); x[0] = R(1, 1, 1, 1); x[0] is x[0], x[::2], x[1:], x[::-1], x[-1], x[5:], x
x = d.rectangles(3); x == d.rectangles(3), x != x, x.count(R()), R() in x, R(9, 9, 9, 9) in x
x = d.rectangles(3); x == [R()], x == d.rectangles(2), x == None, x.__eq__(3)
d.points(2) == d.dpoints(2), d.dpoints([D(N, 1)]) == d.dpoints([D(N, 1)]), d.points() == d.points()
x = d.dpoints([D(N, 1)]); x == x, x.count(D(N, 1)), D(N, 1) in x
x = d.rectangles(3); 3 in x
x = d.rectangles(3); x.count(3)
x = d.rectangles(3); x.count(None)
x = d.rectangles(); x[0]
x = d.rectangles(1); x[-2]
x = d.rectangles(1); x[1.0]
x = d.rectangles(1); x[None]
x = d.rectangles(1); x[::0]
x = d.rectangles(1); x["a":]
x = d.rectangles(1); x[2**64]
x = d.rectangles(); x.pop()
x = d.rectangles(3); x.pop(5)
x = d.points([P(1, 1), P(2, 2), P(3, 3)]); x.pop(), x.pop(0), x.pop(i=-1), len(x)
x = d.rectangles(); x.remove(R())
x = d.points([P(1, 1), P(2, 2), P(1, 1)]); x.remove(P(1, 1)); x
x = d.rectangles(3); x.insert(9, R())
x = d.rectangles(3); x.insert(-4, R())
x = d.points(3); x.insert(-1, P(1, 1)); x.insert(4, P(2, 2)); x.insert(i=0, x=P(3, 3)); x
x = d.points([P(1, 1), P(2, 2), P(3, 3)]); del x[0:2]; x
x = d.points([P(1, 1), P(2, 2), P(3, 3)]); del x[::2]; x
x = d.points([P(1, 1), P(2, 2), P(3, 3)]); del x[-1]; x
x = d.rectangles(3); del x[7]
x = d.rectangles(3); x[0] = 5
x = d.rectangles(3); x[9] = R()
x = d.rectangles(3); x[0:2] = d.rectangles(3)
x = d.rectangles(3); x[0:2] = [R(), R()]
x = d.points(3); x[0:3:2] = d.points([P(1, 1), P(2, 2)]); x
x = d.points(3); x[::-1] = d.points([P(1, 1), P(2, 2), P(3, 3)]); x
x = d.rectangles(3); x.clear(); x, len(x), bool(x), bool(d.rectangles(1))
x = d.rectangles(3); x.clear(1)
x = d.mmod_rectangles(); x.clear(1)
x = d.rectangles(3); x.extend(3)
x = d.rectangles(3); x.append(3)
x = d.rectangles(3); x.append(None)
x = d.points(1); x.extend(L=[P(5, 5)]); x.extend(p for p in [P(1, 1)]); x.extend(d.points(1)); x
x = d.rectangles(1); x.extend(x[:]); x.append(x=R(7, 7, 7, 7)); x
x = d.rectangles([R(1, 2, 3, 4)]); x.extend([R(), 1])
x = d.rectangles([R(1, 2, 3, 4)]); e = caught(x.extend, [R(), 1]); x, e
x = d.rectangles([R(1, 2, 3, 4)]); e = caught(x.extend, [R(), None]); x, e
x = d.rectangles([R(1, 2, 3, 4)]); e = caught(x.extend, iter([R(), None])); x, e
x = d.rectangles([R(1, 2, 3, 4)]); e = caught(x.extend, iter([R(), 1])); x, e
x = d.rectangles([R(1, 2, 3, 4)]); e = caught(x.extend, (1 / (2 - i) and R() for i in range(9))); x
x = d.rectangles([R(1, 2, 3, 4)]); e = caught(x.extend, (1 / (2 - i) and R() for i in range(9))); e
x = d.points([P(1, 1)]); x.resize(3); y = x[:]; x.resize(1); x, y
x = d.rectangles(3); x.resize(-1)
x = d.rectangles(3); x.resize(1.0)
x = d.rectangles(3); x.resize("1")
x = d.rectangles(3); x.resize(2**60)
x = d.rectangles(3); x.resize(2**50)
d.mmod_rectangles().resize(1)
x = d.vectors([V([1, 2])]); x.resize(3); list(x), x[2].shape, x[1] is x[2]
x = d.vectors([V([1.5, 22, -3]), V(), V([N])]); x, str(x), x == x
x = d.vectors([V([1.5, 22])]); x == d.vectors([V([1.5, 22])]), V([1.5, 22]) in x, x.count(V([1.5]))
x = d.vectorss([d.vectors([V([1])])]); x == d.vectorss([d.vectors([V([1])])]), x[0], len(x)
x = d.rectangles(3); hash(x)
x = d.rectangles(3); x + x
x = d.rectangles(3); x < x
d.points(2).index(3)
list(reversed(d.points([P(1, 1), P(2, 2)])))
sorted(d.points([P(2, 1), P(1, 2)]), key=lambda p: p.x)
a, b = d.points([P(1, 1), P(2, 2)]); b, a
repr(d.rectangless()), repr(d.full_object_detections())
repr(d.vectorss()), repr(d.mmod_rectangless())
[(c, c.__module__, c.__name__, c.__qualname__) for c in (d.points, d.mmod_rectangles, R)]
copy.copy(R(1, 2, 3, 4)), copy.deepcopy(d.rectangles(2)), copy.deepcopy(V([1, 2]))
x = d.points(1); y = copy.copy(x); y[0].x = 5; x, y
copy.copy(d.mmod_rectangles())
copy.copy(d.rgb_pixel(1, 2, 3))
"""

REFERENCES = """
x = d.rectangles(3); a = x[0]; x[0] = R(4, 4, 5, 5); a
x = d.rectangles(3); a = x[0]; a += P(7, 7); x, a is x[0]
x = d.points(2); x[0].x = 4; x
x = d.points(3); a = x[2]; x[::2] = d.points([P(1, 1), P(2, 2)]); a
x = d.rectangles(2); s = x[:]; s[0] += P(1, 1); x
x = d.rectangles(2); w = d.rectangles(x); w[0] += P(1, 1); x
x = d.rectangles(2); r = R(1, 1, 1, 1); x.append(r); x.insert(0, r); x[1] = r; r += P(5, 5); x
x = d.rectangles(2); r = [each for each in x][0]; r += P(5, 5); x
x = d.rectangles(1); w = d.rectangles(1); w.extend(x); w.extend(list(x)); x[0] += P(5, 5); w
x = d.vectors([V(3)]); x[0].resize(2); x[0][1] = 7; x
x = d.rectangless([d.rectangles(1)]); a = x[0]; a.append(R(1, 1, 1, 1)); a[0] += P(4, 4); x[0]
x = d.rectangless([d.rectangles(1)]); a = x[0]; x[0] = d.rectangles(3); a
r = R(1, 1, 1, 1); f = F(r, []); r += P(5, 5); f.rect
f = F(R(), [P(1, 2)]); b = f.rect; b += P(5, 5); f.rect, f.rect is f.rect
p = P(1, 2); f = F(R(), [p]); p.x = 9; f.part(0).x; q = f.parts(); q[0].x = 5; f.parts()
r = R(1, 2, 3, 4); c = r.tl_corner(); c.x = 9; s = R(r); s += P(9, 9); r
v = V(3); a = v[0:1]; a[0] = 3; v
"""

VECTORS = """
V(), V(3), V([1, 2.5]), V((1, 2)), V({1}), V(True), V([]), V(np.int64(2)), V(V([1.5])), V(V([1, 2]))
V(np.arange(3.0)), V(np.array(3)), V(np.float32(3.5)), V([True, np.float32(0.1)]), V(range(3))
V(-3)
V(2.5)
V("3")
V("ab")
V([1, "a"])
V([1, None])
V(iter((1, 2)))
V(None)
V(np.ones((2, 1)))
V(2**63)
V(2**61)
v = V([1, 2, 3]); v[-1], v[0:2], v[::-1], v[5:], v[np.int64(1)]
v = V([1, 2, 3]); v[True], v.shape, len(v), bool(v), bool(V())
v = V([1, 2, 3]); v[3]
v = V([1, 2, 3]); v[-4]
v = V([1, 2, 3]); v["a"]
v = V([1, 2, 3]); v[1.0]
v = V([1, 2, 3]); v[::0]
v = V([1, 2, 3]); v["a":]
v = V([1, 2, 3]); v[3] = 1
v = V([1, 2, 3]); v[0] = "a"
v = V([1, 2, 3]); v[0:1] = 3
v = V([1, 2, 3]); v[-1] = 5; v[0] = True; v
v = V([1, 2, 3]); v.resize(2); v, v.shape
v = V([1, 2, 3]); v.set_size(5); v
v = V([1, 2, 3]); v.resize(1.5)
v = V([1, 2, 3]); v.shape = 3
v = V([1, 2, 3]); del v.shape
v = V([1, 2, 3]); np.array(v), list(v), 2 in v, 7 in v, str(v), max(v), sum(v), v == V([1, 2, 3])
np.array(d.vectors([V([1, 2]), V([3, 4])])), np.asarray([V([1, 2]), V([3, 4])]).shape
np.linalg.norm(np.array(V([3, 4])) - np.array(V([0, 0]))), np.array(V([0.1])).dtype
memoryview(V([1, 2, 3]))
v = V([0.1, 2]); np.array(v, np.float32), np.asarray(v).flags.writeable, v * np.float64(2)
v = V([1, 2]); a = np.asarray(v); a[0] = 9; v, np.stack([v, v]), np.array([v, v], np.float32).dtype
V([N, -N, I, -I, 1e-7, 1e20, 1 / 3, -0.0]), str(V([N, 123456789])), V().shape, str(V())
d.dot(V([1, 2]), V([1, 5])), d.dot(P(1, 2), P(3, 4)), d.dot(D(1, 2.5), D(3, 4))
d.dot(P(2**40, 3), P(2**40, 7)), d.dot(a=P(1, 2), b=P(2**63 - 1, 4))
d.dot(1, 2)
d.dot(P(1, 2), D(1, 2))
"""

DETECTIONS = """
f = F(R(1, 2, 3, 4), [P(5, 6), P(-7, 8)]); f.rect, f.num_parts, f.part(0), f.part(idx=1), f.parts()
F(rect=R(), parts=[]).parts(), F(R(), d.points(2)).parts(), F(R(), (P(1, 2),)).parts()
F(R(), {P(1, 2): 1}).parts(), F(R(), (P(i, i) for i in range(3))).parts(), F(R(), "").num_parts
F(R(), [P(2**62 + 1, 2)]).parts(), F(R(), [P(2**63 - 1, -(2**63))]).parts()
F(R(), [1])
F(R(), [P(1, 1), None])
F(R(), 1)
F(R(), None)
F(R(), "ab")
F(R(), {1: 2})
F(R(), d.dpoints(2))
F(R(), [D(1, 2)])
F(R(), np.array([[1, 2]]))
F(R(), d.rectangles(1))
F(R())
F(DR(), [])
F(None, [])
F(R(), [P(1, 2)]).part(1)
F(R(), []).part(idx=2**64 - 1)
setattr(F(R(), []), "rect", R())
setattr(F(R(), []), "num_parts", 3)
f = F(R(), [P(1, 2)]); f == F(R(), [P(1, 2)]), f == f, hash(f) == hash(f)
f = F(R(), []); x = d.full_object_detections([f]); f in x, x.count(f), x == x[:]
x = d.full_object_detections([F(R(), [P(1, 2)])]); F(R(), [P(1, 3)]) in x, F(R(), []) in x
x = d.full_object_detections(); x.resize(1); x[0].rect, x[0].num_parts, x[0].parts()
x = d.full_object_detections([F(R(), [P(1, 1)])]); p = x[0].parts(); p[0].x = 5; x[0].parts()
d.mmod_rectangle()
d.mmod_rectangle(R(), 1)
d.rgb_pixel(1, 2, 3), str(d.rgb_pixel(1, 2, 3)), d.rgb_pixel(red=1, blue=2, green=255)
d.rgb_pixel(True, np.uint8(7), 0), d.rgb_pixel(1, 2, 3) == d.rgb_pixel(1, 2, 3)
p = d.rgb_pixel(1, 2, 3); p.red = 30; p.blue = np.int64(9); p, p.green
d.rgb_pixel()
d.rgb_pixel(256, 2, 3)
d.rgb_pixel(-1, 2, 3)
d.rgb_pixel(1.5, 2, 3)
setattr(d.rgb_pixel(1, 2, 3), "red", "a")
setattr(d.rgb_pixel(1, 2, 3), "red", 256)
"""

FUNCTIONS = """
d.translate_rect(R(1, 2, 3, 4), D(0.5, -0.5)), d.translate_rect(DR(1, 2, 3, 4), D(0.5, -0.5))
d.translate_rect(DR(1, 2, 3, 4), P(1, 1)), d.translate_rect(p=P(1, -5), rect=R(1, 2, 3, 4))
d.translate_rect(1, 2)
d.shrink_rect(R(1, 2, 3, 4), 1), d.shrink_rect(R(1, 2, 3, 4), 2**63 - 1)
d.grow_rect(R(1, 2, 3, 4), -(2**63))
d.grow_rect(rect=R(), num=3), d.shrink_rect(R(0, 0, 9, 9), -2)
d.grow_rect(DR(), 1)
d.shrink_rect(R(), 1.5)
d.scale_rect(R(1, 2, 3, 4), -1.5), d.scale_rect(R(1, 2, 3, 5), 0.5)
d.scale_rect(R(1, 2, 3, 4), 1e30)
d.scale_rect(R(1, 2, 3, 4), N), d.scale_rect(R(-1, -3, 3, 5), 0.5)
d.scale_rect(R(), 0), d.scale_rect(R(2**62, 1, 1, 1), 1)
d.centered_rect(P(5, 5), 3, 4), d.centered_rect(P(5, 5), 2**63, 3), d.centered_rect(P(5, 5), 0, 0)
d.centered_rect(D(0.5, -0.5), 3, 3), d.centered_rect(DR(-1.5, 0, 0.4, 1), 3, 3)
d.centered_rect(R(-4, -4, -1, 0), 3, 3), d.centered_rect(P(1, 1), 2**64 - 1, 2**64 - 2)
d.centered_rect(R(), 5, 5)
d.centered_rect(P(1, 1), -1, 3)
d.centered_rects(d.points([P(1, 1), P(-4, 7)]), 3, 4)
d.centered_rects([P(1, 1)], 3, 3)
d.center(3)
d.get_rect(np.zeros((3, 4))), d.get_rect(np.zeros((3, 4, 5, 6)))
d.get_rect(img=np.zeros((0, 2), bool))
d.get_rect(np.zeros(3))
d.get_rect(np.array(3))
d.get_rect([[1, 2]])
d.length(P(3037000500, 0)), d.length(P(2**40, 3)), d.length(P(-3, 4))
d.length(D(1e200, 1)), d.length(p=D(N, 1))
d.length(3)
d.polygon_area([D(0, 0), D(1, 0), D(0, 1)])
d.polygon_area(d.dpoints([D(0, 0), D(4, 0), D(4, 3), D(0, 3)]))
d.polygon_area(d.dpoints(3)), d.polygon_area([]), d.polygon_area(pts=[D(1, 1), D(2, 2)])
d.polygon_area([P(0, 0), P(1, 0), P(0, 1)])
d.polygon_area((D(0, 0), D(1, 0), D(0, 1)))
d.polygon_area(d.points(3))
d.polygon_area([1])
d.polygon_area([None])
"""

TABLES = (RECTANGLES, POINTS, LISTS, REFERENCES, VECTORS, DETECTIONS, FUNCTIONS)
CALLS = [line for table in TABLES for line in table.strip().splitlines()]

_PYTHONS_OWN = re.compile(
    "unsupported operand|not supported between|has no attribute|unhashable|required, not"
)
"""Messages in which Python itself names a class: by its short name where it is a Python class."""


def caught(run: Any, *given: Any) -> str:
    try:
        return f"gave {run(*given)!r}"
    except Exception as error:  # noqa: BLE001 - which one is the result
        text = re.sub("0x[0-9a-f]+", "0x", str(error))
        if _PYTHONS_OWN.search(text):
            text = text.replace("_dlib_pybind11.", "")
        return f"{type(error).__name__}: {text}"


def outcome(module: Any, call: str) -> str:
    """What a call gives or raises, as text."""
    names = {
        "d": module, "R": module.rectangle, "DR": module.drectangle, "P": module.point,
        "D": module.dpoint, "V": module.vector, "F": module.full_object_detection,
        "N": float("nan"), "I": float("inf"), "np": np, "copy": copy, "caught": caught,
    }  # fmt: skip

    def run() -> Any:
        before, _, last = call.rpartition("; ")
        exec(before, names)
        try:
            code = compile(last, call, "eval")
        except SyntaxError:
            return exec(last, names)
        return eval(code, names)

    return re.sub("0x[0-9a-f]+", "0x", caught(run))
