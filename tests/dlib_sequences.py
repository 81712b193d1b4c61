"""Makes random programs for dlib's Python module; run as a script it asks both modules many.

A program is plain data: steps such as ``{"do": ".contains", "with": [{"var": "a3"}, {"new":
["point", 4, 5]}], "to": "a7"}`` and the variables that are shown at the end.  What a step does is
``dlib.NAME``, ``.METHOD`` of the first argument, ``op.NAME`` of Python's operators, or one of the
verbs of dlib_sequence_worker.py.  The steps come from a table of signatures: mostly arguments as
the signature wants them, else others, too few, too many or misnamed.

    python tests/dlib_sequences.py --count 2000 --seed 7
"""

from __future__ import annotations

import argparse
import collections
import random
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

_CONTAINER = """
2 dlib.{c}() -> {c}
2 dlib.{c}(arg0: {c}) -> {c}
4 dlib.{c}(arg0: [{e}]) -> {c}
5 .append(self: {c}, x: {e}) moves
2 .extend(self: {c}, L: {c}) moves
3 .extend(self: {c}, L: [{e}]) moves
2 .insert(self: {c}, i: index, x: {e}) moves
2 .pop(self: {c}) -> {e} moves
2 .pop(self: {c}, i: index) -> {e} moves
1 .clear(self: {c}) moves
6 op.getitem(self: {c}, i: index) -> {e} alias
3 op.getitem(self: {c}, s: slice) -> {c}
3 op.setitem(self: {c}, i: index, x: {e}) assigns
2 op.setitem(self: {c}, s: slice, value: {c}) assigns
2 op.delitem(self: {c}, i: index) moves
2 op.delitem(self: {c}, s: slice) moves
2 list(self: {c})
1 bool(self: {c})
2 len(self: {c})
"""
_EQUAL = """
2 .count(self: {c}, x: {e})
2 .remove(self: {c}, x: {e}) moves
2 op.contains(self: {c}, x: {e})
2 op.eq(a: {c}, b: {c})
1 op.ne(a: {c}, b: {c})
"""
_PICKLED = """
2 state(self: {c})
2 pickled(self: {c}, protocol: protocol) -> {c}
1 copy(self: {c}) -> {c}
1 deepcopy(self: {c}) -> {c}
1 revived(kind: &{c}, state: state)
1 .__setstate__(self: {c}, state: state)
"""
_ANY = """
1 repr(self: {c})
1 str(self: {c})
1 type(self: {c})
1 members(self: {c})
1 op.eq(a: {c}, b: any)
1 op.ne(a: {c}, b: any)
1 op.lt(a: {c}, b: {c})
1 op.contains(a: {c}, b: any)
1 hash(self: {c})
1 bool(self: {c})
1 len(self: {c})
1 get(self: {c}, name: name)
1 set(self: {c}, name: name, value: any)
1 isinstance(self: {c}, kind: &{c})
1 dlib.{c}(arg0: any)
1 .__init__(self: {c}, arg0: any)
"""
_BOX = (
    "\n".join(
        f"1 .{name}(self: {{c}})" for name in ("area", "left", "top", "right", "bottom", "is_empty")
    )
    + """
1 .width(self: {c})
1 .height(self: {c})
1 .tl_corner(self: {c}) -> point
1 .tr_corner(self: {c}) -> point
1 .bl_corner(self: {c}) -> point
1 .br_corner(self: {c}) -> point
1 .center(self: {c}) -> point
1 .dcenter(self: {c}) -> point
2 .contains(self: {c}, point: point)
2 .contains(self: {c}, point: dpoint)
2 .contains(self: {c}, x: long, y: long)
2 .contains(self: {c}, rectangle: {c})
2 .intersect(self: {c}, rectangle: {c}) -> {c}
2 op.eq(a: {c}, b: {c})
2 op.ne(a: {c}, b: {c})
2 dlib.translate_rect(rect: {c}, p: point) -> {c}
2 dlib.translate_rect(rect: {c}, p: dpoint) -> {c}
1 dlib.centered_rect(rect: {c}, width: size, height: size) -> rectangle
1 dlib.center(rect: {c}) -> point
"""
)
_SPOT = """
1 dlib.{c}(v: pair) -> {c}
2 op.add(a: {c}, b: {c}) -> {c}
2 op.sub(a: {c}, b: {c}) -> {c}
2 op.mul(a: {c}, b: real) -> dpoint
1 op.mul(a: real, b: {c}) -> dpoint
2 op.truediv(a: {c}, b: real) -> dpoint
1 op.mul(a: {c}, b: {c})
1 op.eq(a: {c}, b: {c})
1 op.neg(a: {c})
2 .normalize(self: {c}) -> dpoint
1 get(self: {c}, name: "x")
1 get(self: {c}, name: "y")
2 dlib.length(p: {c})
2 dlib.dot(a: {c}, b: {c})
1 dlib.centered_rect(p: {c}, width: size, height: size) -> rectangle
"""


def _of(template: str, *names: str) -> str:
    return "".join(template.format(c=name.split("/")[0], e=name.split("/")[-1]) for name in names)


TABLE = {
    "rectangles": """
4 dlib.rectangle(left: long, top: long, right: long, bottom: long) -> rectangle
1 dlib.rectangle(rect: drectangle) -> rectangle
1 dlib.rectangle(rect: rectangle) -> rectangle
1 dlib.rectangle() -> rectangle
3 dlib.drectangle(left: real, top: real, right: real, bottom: real) -> drectangle
1 dlib.drectangle(rect: rectangle) -> drectangle
1 dlib.drectangle(rect: drectangle) -> drectangle
1 dlib.drectangle() -> drectangle
2 op.add(a: rectangle, b: point) -> rectangle
2 op.iadd(a: rectangle, b: point) -> rectangle
2 op.add(a: rectangle, b: rectangle) -> rectangle
2 op.iadd(a: rectangle, b: rectangle) -> rectangle
1 op.add(a: drectangle, b: drectangle)
2 dlib.shrink_rect(rect: rectangle, num: long) -> rectangle
2 dlib.grow_rect(rect: rectangle, num: long) -> rectangle
2 dlib.scale_rect(rect: rectangle, scale: real) -> rectangle
2 dlib.centered_rects(pts: points, width: size, height: size) -> rectangles
1 dlib.rectangles(initial_size: size) -> rectangles
1 dlib.rectangless(initial_size: size) -> rectangless
1 .resize(self: rectangles, arg0: size) moves
1 .resize(self: rectangless, arg0: size) moves
1 is(a: rectangle, b: rectangle)
"""
    + _of(_BOX, "rectangle", "drectangle")
    + _of(_CONTAINER + _EQUAL, "rectangles/rectangle", "rectangless/rectangles")
    + _of(_PICKLED + _ANY, "rectangle", "drectangle", "rectangles", "rectangless"),
    "points": """
3 dlib.point(x: long, y: long) -> point
1 dlib.point(p: dpoint) -> point
3 dlib.dpoint(x: real, y: real) -> dpoint
1 dlib.dpoint(p: point) -> dpoint
2 set(self: point, name: "x", value: long)
2 set(self: dpoint, name: "y", value: real)
1 dlib.points(initial_size: size) -> points
1 dlib.dpoints(initial_size: size) -> dpoints
1 .resize(self: points, arg0: size) moves
1 .resize(self: dpoints, arg0: size) moves
2 dlib.polygon_area(pts: dpoints)
2 dlib.polygon_area(pts: [dpoint])
1 dlib.polygon_area(pts: points)
2 dlib.centered_rects(pts: points, width: size, height: size)
1 is(a: point, b: point)
1 array(self: points)
"""
    + _of(_SPOT, "point", "dpoint")
    + _of(_CONTAINER + _EQUAL, "points/point", "dpoints/dpoint")
    + _of(_PICKLED + _ANY, "point", "dpoint", "points", "dpoints"),
    "vectors": """
2 dlib.vector() -> vector
2 dlib.vector(arg0: size) -> vector
5 dlib.vector(arg0: [real]) -> vector
2 dlib.vector(arg0: pair) -> vector
1 dlib.vector(arg0: vector) -> vector
1 .set_size(self: vector, arg0: size)
1 .resize(self: vector, arg0: size)
3 op.getitem(self: vector, arg0: index)
3 op.getitem(self: vector, arg0: slice) -> vector
3 op.setitem(self: vector, arg0: index, arg1: real)
1 op.setitem(self: vector, arg0: slice, arg1: [real])
2 len(self: vector)
2 list(self: vector)
1 sum(self: vector)
1 op.contains(self: vector, x: real)
2 array(self: vector)
1 get(self: vector, name: "shape")
2 dlib.dot(arg0: vector, arg1: vector)
1 op.eq(a: vector, b: vector)
1 is(a: vector, b: vector)
1 .resize(self: vectors, arg0: size) moves
1 .resize(self: vectorss, arg0: size) moves
1 array(self: vectors)
"""
    + _of(_CONTAINER + _EQUAL, "vectors/vector", "vectorss/vectors")
    + _of(_PICKLED + _ANY, "vector", "vectors", "vectorss"),
    "faces": """
5 dlib.full_object_detection(rect: rectangle, parts: [point]) -> fod
2 dlib.full_object_detection(rect: rectangle, parts: points) -> fod
1 dlib.full_object_detection(rect: rectangle, parts: [any])
2 get(self: fod, name: "rect") -> rectangle
2 get(self: fod, name: "num_parts")
3 .part(self: fod, idx: index) -> point
3 .parts(self: fod) -> points
1 set(self: fod, name: "rect", value: rectangle)
1 op.eq(a: fod, b: fod)
8 dlib.get_face_chip(img: image, face: face, size: side=, padding: padding=)
5 dlib.get_face_chip(img: anyimage, face: face, size: side=, padding: padding=)
2 dlib.get_face_chip(img: image, face: fod, size: side=, padding: padding=)
5 dlib.get_face_chips(img: image, faces: faces, size: side=, padding: padding=)
2 dlib.get_face_chips(img: anyimage, faces: fods, size: side=, padding: padding=)
1 dlib.save_face_chip(img: image, face: face, chip_filename: path)
1 .resize(self: fods, arg0: size) moves
"""
    + _of(_CONTAINER + _EQUAL, "fods/fod")
    + _of(_PICKLED + _ANY, "fod", "fods"),
    "chips": """
3 dlib.chip_dims(rows: side, cols: side) -> chip_dims
2 set(self: chip_dims, name: "rows", value: size)
1 get(self: chip_dims, name: "cols")
2 dlib.chip_details(rect: drectangle) -> chip_details
2 dlib.chip_details(rect: rectangle) -> chip_details
2 dlib.chip_details(rect: drectangle, size: side) -> chip_details
2 dlib.chip_details(rect: rectangle, size: side, angle: real) -> chip_details
2 dlib.chip_details(rect: drectangle, dims: chip_dims) -> chip_details
3 dlib.chip_details(rect: drectangle, dims: chip_dims, angle: real) -> chip_details
2 dlib.chip_details(rect: rectangle, dims: chip_dims, angle: real) -> chip_details
2 set(self: chip_details, name: "angle", value: real)
2 set(self: chip_details, name: "rect", value: drectangle)
2 get(self: chip_details, name: "rect") -> drectangle alias
4 dlib.get_face_chip_details(det: face, size: side=, padding: padding=) -> chip_details
2 dlib.get_face_chip_details(dets: [face], size: side=, padding: padding=)
6 dlib.extract_image_chip(img: image, chip_location: details)
3 dlib.extract_image_chip(img: anyimage, chip_location: details)
3 dlib.extract_image_chips(img: image, chip_locations: [details])
"""
    + _of(_ANY, "chip_details", "chip_dims"),
    "detect": """
2 dlib.get_frontal_face_detector() -> detector
8 .__call__(self: detector, image: small, upsample_num_times: upsample=) -> rectangles $60
8 .run(self: detector, image: small, upsample_num_times: upsample=, adjust_threshold: threshold=) \
-> found $60
2 .__call__(self: detector, image: anyimage) $60
1 .run(self: detector, image: anyimage, upsample_num_times: upsample=) $60
2 dlib.fhog_object_detector.run_multiple(detectors: [detector], image: small, \
upsample_num_times: upsample=, adjust_threshold: threshold=) $120
4 op.getitem(self: found, i: index)
1 get(self: detector, name: "detection_window_height")
1 get(self: detector, name: "detection_window_width")
1 get(self: detector, name: "num_detectors")
8 .__call__(self: predictor, image: image, box: rectangle) -> fod
3 .__call__(self: predictor, image: anyimage, box: rectangle) -> fod
1 dlib.shape_predictor() -> untrained
1 .__call__(self: untrained, image: image, box: rectangle)
1 state(self: untrained)
1 dlib.shape_predictor(arg0: five) -> predictor
1 dlib.shape_predictor(arg0: path)
1 dlib.fhog_object_detector(arg0: path)
1 pickled(self: detector, protocol: protocol) -> detector $50
3 op.getitem(self: rectangles, i: index) -> rectangle alias
2 op.setitem(self: rectangles, i: index, x: rectangle) assigns
2 .append(self: rectangles, x: rectangle) moves
2 .part(self: fod, idx: index) -> point
2 dlib.get_face_chip(img: image, face: fod, size: side=, padding: padding=)
1 pickled(self: fod, protocol: protocol) -> fod
1 state(self: fod)
"""
    + _of(_ANY, "detector", "predictor"),
    "describe": """
2 .__call__(self: predictor, image: image, box: rectangle) -> fod
4 .compute_face_descriptor(self: recognition, img: image, face: face, \
num_jitters: nojitter=, padding: padding=) -> descriptor $350
2 .compute_face_descriptor(self: recognition, img: aligned, num_jitters: nojitter=) \
-> descriptor $350
2 .compute_face_descriptor(self: recognition, img: image, faces: faces) -> descriptors $500
1 .compute_face_descriptor(self: recognition, batch_img: [image], batch_faces: [faces]) $500
1 .compute_face_descriptor(self: recognition, batch_img: [aligned]) -> descriptors $500
2 .compute_face_descriptor(self: recognition, img: anyimage, face: fod) $350
1 .compute_face_descriptor(self: fresh, img: image, face: face, num_jitters: jitters) $1500
2 len(self: descriptor)
2 op.getitem(self: descriptor, arg0: index)
1 op.getitem(self: descriptor, arg0: slice)
1 array(self: descriptor)
1 get(self: descriptor, name: "shape")
2 dlib.dot(arg0: descriptor, arg1: descriptor)
2 dlib.chinese_whispers_clustering(descriptors: [descriptor], threshold: threshold)
2 op.getitem(self: descriptors, arg0: index) -> descriptor alias
1 type(self: descriptors)
1 len(self: descriptors)
"""
    + _of(_ANY, "recognition"),
    "cluster": """
8 dlib.chinese_whispers(edges: edges)
4 dlib.chinese_whispers_clustering(descriptors: [same], threshold: distance)
4 dlib.bottom_up_clustering(descriptors: [same], min_num_clusters: clusters=, max_dist: distance=)
1 dlib.chinese_whispers_clustering(descriptors: vectors, threshold: distance)
1 dlib.bottom_up_clustering(descriptors: [any])
1 dlib.chinese_whispers(edges: [any])
""",
    "images": """
5 png(path: path, image: pixels)
4 dlib.load_rgb_image(filename: path) -> loaded
4 dlib.load_grayscale_image(filename: path) -> loaded
4 dlib.save_image(img: pixels, filename: path, quality: quality=)
2 dlib.save_image(img: loaded, filename: path)
1 dlib.save_image(img: anyimage, filename: path)
2 exists(path: path)
4 dlib.resize_image(img: image, rows: side, cols: side)
4 dlib.resize_image(img: image, scale: scale)
3 dlib.resize_image(img: anyimage, rows: side, cols: side)
2 dlib.resize_image(img: anyimage, scale: scale)
""",
    "jitter": """
4 dlib.jitter_image(img: image, num_jitters: jitters=, disturb_colors: bool=)
1 dlib.jitter_image(img: anyimage, num_jitters: jitters=)
1 dlib.jitter_image(img: tiny, num_jitters: jitters=, disturb_colors: bool=)
""",
    "mmod": """
4 .__call__(self: mmod, img: mini, upsample_num_times: noupsample=) -> mmods $400
2 .__call__(self: mmod, imgs: [mini], upsample_num_times: noupsample=, batch_size: batch=) \
-> mmodss $700
1 .__call__(self: mmod, img: anyimage) -> mmods $300
1 .__call__(self: mmod, imgs: [any]) $300
3 get(self: mmodone, name: "rect") -> rectangle alias
3 get(self: mmodone, name: "confidence")
2 set(self: mmodone, name: "rect", value: rectangle)
2 set(self: mmodone, name: "confidence", value: real)
2 op.getitem(self: mmods, i: index) -> mmodone alias
2 op.iadd(a: rectangle, b: point)
1 dlib.mmod_rectangle()
1 dlib.mmod_rectangle(rect: rectangle, confidence: real)
"""
    + _of(_CONTAINER + _EQUAL, "mmods/mmodone", "mmodss/mmods")
    + _of(_ANY, "mmods", "mmodss", "mmodone"),
}
"""Signatures: how often, what, its arguments (``=`` may be left out), what kind it gives."""

CLASSES = {
    "fod": "full_object_detection",
    "fods": "full_object_detections",
    "mmodone": "mmod_rectangle",
    "mmods": "mmod_rectangles",
    "mmodss": "mmod_rectangless",
    "detector": "fhog_object_detector",
    "predictor": "shape_predictor",
    "recognition": "face_recognition_model_v1",
}
_NEEDS = {"describe": "recognition", "mmod": "mmod"}
_LINE = re.compile(
    r"(\d+) ([\w.]+)\((.*)\)(?: *-> (\w+))?((?: (?:moves|alias|assigns))*)(?: \$(\d+))?$"
)
_BUDGET = 900


@dataclass(frozen=True)
class Signature:
    weight: int
    do: str
    parameters: tuple[tuple[str, str, bool], ...]  # name, kind, may be left out
    gives: str | None
    marks: frozenset[str]
    cost: int


def _signatures(text: str) -> list[Signature]:
    made = []
    for line in text.replace("\\\n", "").splitlines():
        if not line.strip():
            continue
        found = _LINE.match(line)
        assert found, line
        weight, do, told, gives, marks, cost = found.groups()
        parameters = []
        for each in told.split(", ") if told else ():
            name, kind = each.split(": ")
            parameters.append((name, kind.rstrip("="), kind.endswith("=")))
        if do.startswith("dlib.") and do[5:] in CLASSES:
            do = f"dlib.{CLASSES[do[5:]]}"
        made.append(
            Signature(
                int(weight), do, tuple(parameters), gives, frozenset(marks.split()), int(cost or 0)
            )
        )
    return made


SIGNATURES = {theme: _signatures(text) for theme, text in TABLE.items()}


@dataclass
class _Variable:
    kind: str
    root: str
    depth: int


class Maker:
    """Makes one program."""

    def __init__(self, rng: random.Random, told: dict[str, Any]) -> None:
        self.rng = rng
        self._pictures = _sizes(told["pictures"])
        self._files = told["files"]
        self._names = told["names"]
        self._variables: dict[str, _Variable] = {}
        self._steps: list[dict[str, Any]] = []
        self._left = _BUDGET

    def program(self, themes: list[str], length: int) -> dict[str, Any]:
        names = {f"dlib.{name}" for name in self._names}
        table = [
            each
            for theme in themes
            for each in SIGNATURES[theme]
            if not each.do.startswith("dlib.") or each.do in names or each.do.count(".") > 1
        ]
        weights = [each.weight for each in table]
        while len(self._steps) < length:
            (chosen,) = self.rng.choices(table, weights)
            if chosen.cost > self._left:
                continue
            self._left -= chosen.cost
            self._add(chosen)
        return {"steps": self._steps, "show": list(self._variables)}

    def _add(self, chosen: Signature) -> None:
        rng = self.rng
        given: list[Any] = []
        named: dict[str, Any] = {}
        own = chosen.do[:1] == "." or chosen.do.startswith("dlib.")
        for name, kind, optional in chosen.parameters:
            if optional and rng.random() < 0.4:
                continue
            place = [each[0] for each in chosen.parameters].index(name)
            positional = not own or name == "self" or name.startswith("arg")
            if not positional and (len(given) < place or rng.random() < 0.25):
                named[name] = self.value(kind)
            else:
                given.append(self.value(kind))
        if "moves" in chosen.marks and self._refers(given + list(named.values())):
            return
        spoilt = rng.random() < 0.15 and chosen.parameters
        if spoilt:
            self._spoil(given, named, own)
        step: dict[str, Any] = {"do": chosen.do, "with": given}
        if named:
            step["named"] = named
        if chosen.gives and not spoilt:
            step["to"] = f"{chosen.gives}{len(self._steps)}"
        self._steps.append(step)
        owner = given[0].get("var") if given and isinstance(given[0], dict) else None
        if owner in self._variables:
            self._forget(self._variables[owner], chosen.marks)
        if "to" in step:
            kind = chosen.gives or ""
            of = self._variables.get(owner) if "alias" in chosen.marks else None
            made = _Variable(kind, of.root, of.depth + 1) if of else _Variable(kind, step["to"], 0)
            self._variables[step["to"]] = made

    def _refers(self, given: list[Any]) -> bool:
        """Whether a list is asked to take what it holds: the real one moves that away meanwhile."""
        told = [name for name in re.findall(r"'var': '(\w+)'", str(given[1:]))]
        owner = given[0].get("var") if isinstance(given[0], dict) else None
        if owner not in self._variables or given[1:2] == given[:1]:
            return owner is not None
        root = self._variables[owner].root
        return any(each in self._variables and self._variables[each].root == root for each in told)

    def _forget(self, changed: _Variable, marks: frozenset[str]) -> None:
        """Forget variables that the real module may have left in freed memory."""
        if not marks & {"moves", "assigns"}:
            return
        least = changed.depth + (1 if "moves" in marks else 2)
        gone = [
            name
            for name, each in self._variables.items()
            if each.root == changed.root and each.depth >= least
        ]
        for name in gone:
            del self._variables[name]
        if gone:
            self._steps.append({"drop": gone})

    def _spoil(self, given: list[Any], named: dict[str, Any], own: bool) -> None:
        way = self.rng.choice(("junk", "junk", "junk", "less", "more", "name"))
        first = 0 if not given else self.rng.randrange(len(given))
        if way == "junk" and given and (first or not own):
            given[first] = self.junk()
        elif way == "junk" and named:
            named[self.rng.choice(list(named))] = self.junk()
        elif way == "less" and len(given) > 1:
            given.pop()
        elif way == "name" and own:
            named[self.rng.choice(("x", "nothing", "rect", "arg0", "img", "i"))] = self.junk()
        else:
            given.append(self.junk())

    def junk(self) -> Any:
        rng = self.rng
        plain = [None, "3", "ab", "", 1.0, 2.5, True, False, -1, 3, 2**62, 2**63, 2**64, -(2**63)]
        plain += [-(2**63) - 1, float("nan"), float("inf"), 1e300]
        told = [{"list": []}, {"list": [1, 2]}, {"tuple": [1, 2]}, {"dict": {}}, {"indexed": 2}]
        told += [{"floated": 2.5}, {"bytes": "3132"}, {"slice": [0, 2, None]}, {"iter": [1, 2]}]
        told += [{"np": [kind, 3]} for kind in ("int8", "uint64", "float32", "float64", "bool_")]
        told += [{"array": {"values": [1, 2], "dtype": "float64"}}, {"dlib": "rectangle"}]
        told += [{"list": [{"list": [1]}]}, {"list": [None, "a"]}, {"set": [1]}]
        if self._variables and rng.random() < 0.4:
            return {"var": rng.choice(list(self._variables))}
        return rng.choice(plain) if rng.random() < 0.5 else rng.choice(told)

    def value(self, kind: str) -> Any:
        rng = self.rng
        if kind.startswith('"'):
            return kind.strip('"')
        if kind.startswith("["):
            return {"list": [self.value(kind[1:-1]) for _ in range(self._many(kind))]}
        if kind.startswith("&"):
            return {"dlib": CLASSES.get(kind[1:], kind[1:])}
        there = [name for name, each in self._variables.items() if each.kind == kind]
        if kind in ("face", "faces"):
            there = []
        if there and rng.random() < 0.75:
            return {"var": rng.choice(there[-4:])}
        return getattr(self, f"_{kind}")()

    def _many(self, kind: str) -> int:
        few = kind in (
            "[small]",
            "[mini]",
            "[faces]",
            "[detector]",
            "[aligned]",
            "[image]",
            "[details]",
        )
        if kind == "[point]" and self.rng.random() < 0.4:
            return 5
        return (
            self.rng.choice((1, 2, 2, 3))
            if few
            else self.rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 8))
        )

    # Plain values.

    def _long(self) -> int:
        rng = self.rng
        if rng.random() < 0.04:
            return rng.choice((2**31, -(2**31) - 1, 2**40, 10**9, -(10**12)))
        return rng.randint(-20, 20) if rng.random() < 0.3 else rng.randint(-50, 400)

    def _real(self) -> float:
        rng = self.rng
        if rng.random() < 0.1:
            return rng.choice((0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 1e-7, 1e9, 123456.75, 3))
        if rng.random() < 0.02:
            return rng.choice((float("nan"), float("inf"), -float("inf")))
        return round(rng.uniform(-100, 300), rng.choice((0, 1, 2, 6)))

    def _size(self) -> int:
        return self.rng.choice((0, 1, 2, 3, 5, 9)) if self.rng.random() < 0.9 else 40

    def _side(self) -> int:
        return self.rng.choice((1, 2, 8, 17, 32, 50, 96, 100, 150, 200, 0))

    def _padding(self) -> float:
        return self.rng.choice((0, 0.0, 0.1, 0.2, 0.25, 0.5, 1.0, 3, -0.1))

    def _index(self) -> int:
        return self.rng.choice((0, 0, 0, 0, 0, 0, 0, -1, -1, -1, 1, 1, 2, -2, -3, 4, 9, -9))

    def _slice(self) -> dict[str, Any]:
        ends = (None, None, 0, 1, 2, 3, -1, -2, 7)
        step = self.rng.choice((None, None, None, 1, 2, -1, -2, 0))
        return {"slice": [self.rng.choice(ends), self.rng.choice(ends), step]}

    def _protocol(self) -> int:
        return self.rng.choice((2, 3, 4, 5))

    def _bool(self) -> Any:
        return self.rng.choice((True, False, 1, 0, None))

    def _any(self) -> Any:
        return self.junk()

    def _name(self) -> str:
        return self.rng.choice(("x", "rect", "nothing", "__module__", "__class__", "confidence"))

    def _state(self) -> dict[str, Any]:
        few = [{"tuple": []}, {"tuple": [1]}, {"tuple": [{"bytes": "01010102"}, 2]}, {"list": []}]
        return self.rng.choice([*few, None, 3, {"tuple": [None]}])

    def _pair(self) -> Any:
        dtype = self.rng.choice(("int64", "float32", "float64", "float64", "int32", "uint8"))
        shape = self.rng.choice(([2], [2], [1, 2], [2, 1], [3], [2, 2], [0], [1, 1, 2]))
        size = 1
        for side in shape:
            size *= side
        values = [round(self.rng.uniform(0, 90), 1) for _ in range(size)]
        return {"array": {"values": values, "dtype": dtype, "shape": shape}}

    # dlib's own values, made in place.

    def _point(self) -> Any:
        return {"new": ["point", self._long(), self._long()]}

    def _dpoint(self) -> Any:
        return {"new": ["dpoint", self._real(), self._real()]}

    def _rectangle(self) -> Any:
        rng = self.rng
        left, top = rng.randint(-30, 150), rng.randint(-30, 150)
        width, height = rng.randint(20, 200), rng.randint(20, 200)
        if rng.random() < 0.8:
            return {"new": ["rectangle", left, top, left + width, top + height]}
        return {"new": ["rectangle", *(self._long() for _ in range(4))]}

    def _drectangle(self) -> Any:
        return {"new": ["drectangle", *self._rectangle()["new"][1:]]}

    def _vector(self) -> Any:
        return {"new": ["vector", {"list": [self._real() for _ in range(self._many(""))]}]}

    def _same(self) -> Any:
        values = [round(self.rng.choice((0, 0, 5)) + self.rng.random(), 3) for _ in range(3)]
        return {"new": ["vector", {"list": values}]}

    def _filled(self, name: str, element: str) -> Any:
        few = [self.value(element) for _ in range(self._many(""))]
        return {"new": [CLASSES.get(name, name), {"list": few}]}

    def _rectangles(self) -> Any:
        return self._filled("rectangles", "rectangle")

    def _rectangless(self) -> Any:
        return self._filled("rectangless", "rectangles")

    def _points(self) -> Any:
        return self._filled("points", "point")

    def _dpoints(self) -> Any:
        return self._filled("dpoints", "dpoint")

    def _vectors(self) -> Any:
        return self._filled("vectors", "vector")

    def _vectorss(self) -> Any:
        return self._filled("vectorss", "vectors")

    def _fod(self) -> Any:
        parts = {"list": [self.value("point") for _ in range(self._many("[point]"))]}
        return {"new": ["full_object_detection", self.value("rectangle"), parts]}

    def _fods(self) -> Any:
        return self._filled("fods", "fod")

    def _face(self) -> Any:
        """Return a detection with as many points as a chip needs."""
        rng = self.rng
        left, top, side = rng.randint(-20, 120), rng.randint(-20, 120), rng.randint(8, 120)
        if rng.random() < 0.8:
            places = [(0.9, 0.2), (0.65, 0.2), (0.1, 0.2), (0.35, 0.2), (0.5, 0.7)]
        else:
            places = [(rng.random(), rng.random()) for _ in range(rng.choice((5, 68, 68)))]
        parts = [
            {"new": ["point", int(left + x * side + rng.randint(-3, 3)), int(top + y * side)]}
            for x, y in places
        ]
        box = {"new": ["rectangle", left, top, left + side, top + side]}
        return {"new": ["full_object_detection", box, {"list": parts}]}

    def _faces(self) -> Any:
        few = [self._face() for _ in range(self.rng.choice((0, 1, 1, 2)))]
        return {"new": ["full_object_detections", {"list": few}]}

    def _chip_dims(self) -> Any:
        return {"new": ["chip_dims", self._side(), self._side()]}

    def _details(self) -> Any:
        """Return where a chip is: not empty, and of a size."""
        box = self._rectangle()["new"][1:]
        box = [box[0], box[1], box[0] + abs(box[2] % 300) + 1, box[1] + abs(box[3] % 300) + 1]
        dims = {"new": ["chip_dims", self._side() or 5, self._side() or 5]}
        angle = self.rng.choice((0.0, 0.0, 0.3, -1.2, 3.0))
        return {"new": ["chip_details", {"new": ["drectangle", *box]}, dims, angle]}

    _chip_details = _details

    # Pictures.

    def _picture(self, most: int) -> dict[str, Any]:
        rng = self.rng
        name, (height, width) = rng.choice(self._pictures)
        step = rng.choice((1, 1, 2, 3))
        tall, wide = min(height, step * most), min(width, step * most)
        tall, wide = rng.randint(tall // 3, tall), rng.randint(wide // 3, wide)
        # Faces are mostly in the upper half, in the middle.
        top = int(max(0.0, rng.triangular(-0.2, 1, 0.1)) * (height - tall))
        left = int(rng.triangular(0, 1, 0.45) * (width - wide))
        made = {"picture": name, "crop": [top, left, tall, wide], "step": step}
        return made | ({"flip": True} if rng.random() < 0.2 else {})

    def _image(self) -> Any:
        return {"array": self._picture(160)}

    def _small(self) -> Any:
        made = self._picture(240)
        return {"array": made | ({"gray": True} if self.rng.random() < 0.3 else {})}

    def _mini(self) -> Any:
        return {"array": self._picture(80)}

    def _tiny(self) -> Any:
        height, width = self.rng.randint(1, 9), self.rng.randint(1, 9)
        return {"array": {"noise": self.rng.randint(0, 99), "shape": [height, width, 3]}}

    def _aligned(self) -> Any:
        name, (height, width) = self.rng.choice(self._pictures)
        top, left = self.rng.randint(0, height - 150), self.rng.randint(0, width - 150)
        return {"array": {"picture": name, "crop": [top, left, 150, 150]}}

    def _pixels(self) -> Any:
        """Return a picture that can be written to a file."""
        rng = self.rng
        height, width = rng.randint(1, 40), rng.randint(1, 40)
        shape = [height, width] if rng.random() < 0.3 else [height, width, 3]
        return {"array": {"noise": rng.randint(0, 99), "shape": shape}}

    def _anyimage(self) -> Any:
        """Return an array of any dtype and shape, also such as are no pictures."""
        rng = self.rng
        dtypes = "uint8 uint8 uint8 uint16 uint32 uint64 int8 int16 int32 int64 float32 float64"
        dtype = rng.choice([*dtypes.split(), "bool", "float16", "complex64"])
        height, width = rng.randint(4, 60), rng.randint(4, 60)
        shapes = [[height, width], [height, width, 3], [height, width, 4], [height, width, 1]]
        shapes += [[height, width, 2], [height], [1, height, width, 3]]
        shape = rng.choice(shapes[:2] if rng.random() < 0.6 else shapes)
        if rng.random() < 0.5:
            return {"array": {"noise": rng.randint(0, 99), "shape": shape, "dtype": dtype}}
        made = self._picture(100) | ({"gray": True} if rng.random() < 0.5 else {})
        return {"array": made | {"dtype": dtype}}

    def _path(self) -> Any:
        names = ("a.png", "a.png", "a.png", "b.PNG", "c.bmp", "d.tiff", "no/e.png", "f", "g.jpg")
        return {"path": self.rng.choice(names)}

    def _loaded(self) -> Any:
        return self._pixels()

    # Models and what they are given.

    def _detector(self) -> Any:
        return {"model": "frontal"}

    def _predictor(self) -> Any:
        names = [name for name in ("five", "five", "sixty-eight") if name in self._files]
        return {"model": self.rng.choice(names)}

    def _recognition(self) -> Any:
        return {"model": "recognition"}

    def _fresh(self) -> Any:
        return {"new": ["face_recognition_model_v1", {"file": "recognition"}]}

    def _mmod(self) -> Any:
        return {"model": "mmod"}

    def _five(self) -> Any:
        return {"file": "five"}

    def _untrained(self) -> Any:
        return {"new": ["shape_predictor"]}

    def _found(self) -> Any:
        return {"tuple": [{"list": []}, {"list": []}, {"list": []}]}

    def _descriptor(self) -> Any:
        values = [round(self.rng.uniform(-0.2, 0.2), 3) for _ in range(128)]
        return {"new": ["vector", {"list": values}]}

    def _descriptors(self) -> Any:
        return {"new": ["vectors", {"list": [self._descriptor()]}]}

    def _mmods(self) -> Any:
        return {"new": ["mmod_rectangles"]}

    def _mmodss(self) -> Any:
        return {"new": ["mmod_rectangless"]}

    def _mmodone(self) -> Any:
        return None

    def _upsample(self) -> int:
        return self.rng.choice((0, 0, 0, 0, 1))

    def _noupsample(self) -> int:
        return 0

    def _batch(self) -> int:
        return self.rng.choice((1, 2, 128))

    def _threshold(self) -> float:
        return self.rng.choice((0.0, -0.5, -1.0, 0.5, 1, 0.6))

    def _distance(self) -> float:
        return self.rng.choice((0.1, 0.3, 0.6, 1.0, 3, 1e-3, 0.0))

    def _clusters(self) -> int:
        return self.rng.choice((1, 1, 2, 3, 8, 0))

    def _nojitter(self) -> int:
        return self.rng.choice((0, 0, 1))

    def _jitters(self) -> int:
        return self.rng.choice((2, 3, 3, 1))

    def _quality(self) -> float:
        return self.rng.choice((10, 75, 99.5))

    def _scale(self) -> float:
        return self.rng.choice((0.25, 0.5, 1.0, 1.5, 2, 0.33, 3.1, 0.0, -1.0))

    def _edges(self) -> Any:
        rng = self.rng
        most = rng.choice((3, 6, 12, 40))
        made = []
        for _ in range(rng.choice((0, 1, 3, 8, 20, 80))):
            edge: list[Any] = [rng.randint(0, most), rng.randint(0, most)]
            if rng.random() < 0.5:
                edge.append(rng.choice((1, 0.5, round(rng.uniform(0, 3), 2))))
            made.append({rng.choice(("tuple", "tuple", "tuple", "list")): edge})
        if rng.random() < 0.1:
            made.append(self.junk())
        return {"list": made}


def _sizes(pictures: dict[str, str]) -> list[tuple[str, tuple[int, int]]]:
    made = []
    for name, path in sorted(pictures.items()):
        with Image.open(path) as image:
            made.append((name, (image.height, image.width)))
    return made


def programs(count: int, seed: int, told: dict[str, Any], themes: str = "") -> list[dict[str, Any]]:
    """Return as many programs, the same for the same seed and files."""
    allowed = [theme for theme in SIGNATURES if _NEEDS.get(theme, "five") in told["files"]]
    usual = [theme for theme in allowed if theme not in ("describe", "jitter", "mmod")]
    made = []
    for place in range(count):
        rng = random.Random(f"{seed} {place}")
        chosen = rng.sample(usual, rng.choice((1, 1, 2)))
        for rare in ("describe", "jitter", "mmod"):
            if rare in allowed and rng.random() < 0.03:
                chosen = [rare]
        if themes:
            chosen = [rng.choice(themes.split(","))]
        made.append(Maker(rng, told).program(chosen, rng.randint(10, 30)))
    return made


def main() -> int:
    """Ask many programs and print the first few differences, each as small as it can be made."""
    from tests.dlib_sequence_judge import Judge, first_difference

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=10, help="how many differences are printed")
    parser.add_argument("--themes", default="", help="only these, such as rectangles,points")
    asked = parser.parse_args()
    verbs: collections.Counter[str] = collections.Counter()
    ends: collections.Counter[str] = collections.Counter()
    differing = 0
    with Judge() as judge:
        for program in programs(asked.count, asked.seed, judge.told, asked.themes):
            wanted, found = judge.transcripts(program)
            for step, entry in zip(program["steps"], wanted, strict=False):
                verbs[step.get("do", "drop")] += 1
                ends.update(list(entry)[:1])
            if first_difference(program, wanted, found) is None:
                continue
            differing += 1
            if differing <= asked.show:
                smallest = judge.smallest(program)
                print(judge.difference(smallest) or "not again")
                print()
    print(f"{asked.count} programs, {sum(verbs.values())} steps, {differing} programs differ")
    print(f"steps ended with {dict(ends)}")
    print(", ".join(f"{name} {times}" for name, times in verbs.most_common()))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
