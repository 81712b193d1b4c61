"""What programs for dlib's Python module may do: signatures, as lines of text.

A line is: how often, what (``dlib.NAME``, ``.METHOD`` of the first argument, ``op.NAME`` of
Python's operators, or a verb of dlib_sequence_worker.py), its arguments with their kinds (``=`` may
be left out), the kind of what it gives, and

- ``alias``: it gives a part of its first argument, not a copy;
- ``moves``: parts of its first argument that were given out may lie elsewhere afterwards;
- ``assigns``: so may parts of its parts;
- ``$n``: it costs about n milliseconds there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
1 op.setitem(self: {c}, s: slice, value: [{e}]) assigns
2 fill(self: {c}, places: slice, item: {e}) assigns
2 kept(self: {c}, i: index, item: {e}) assigns
1 twice(self: {c}, i: index)
1 derived(kind: &{c}, arg0: [{e}]) -> {c}
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
1 methods(self: {c})
1 list(self: {c})
1 format(self: {c}, how: "")
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
1 derived(kind: &{c}, rect: {c}) -> {c}
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
1 dlib.get_rect(img: anyimage) -> rectangle
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
3 get(self: fod, name: "rect") -> rectangle
3 op.iadd(a: rectangle, b: point)
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
8 .__call__(self: detector, image: small, upsample_num_times: upsample=) -> rectangles $110
8 .run(self: detector, image: small, upsample_num_times: upsample=, adjust_threshold: threshold=) \
-> found $110
2 .__call__(self: detector, image: anyimage) $110
1 .run(self: detector, image: anyimage, upsample_num_times: upsample=) $110
2 dlib.fhog_object_detector.run_multiple(detectors: detectors, image: small, \
upsample_num_times: upsample=, adjust_threshold: threshold=) $200
4 op.getitem(self: found, i: index)
1 get(self: detector, name: "detection_window_height")
1 get(self: detector, name: "detection_window_width")
1 get(self: detector, name: "num_detectors")
8 .__call__(self: predictor, image: image, box: rectangle) -> fod
3 .__call__(self: predictor, image: anyimage, box: rectangle) -> fod
2 .save(self: detector, detector_output_filename: svm)
2 dlib.fhog_object_detector(arg0: svm) -> detector
2 dlib.simple_object_detector(arg0: svm) -> simple
1 dlib.simple_object_detector(detectors: [simple]) -> simple
2 .save(self: simple, detector_output_filename: svm)
2 .__call__(self: simple, image: small, upsample_num_times: upsample) $110
2 .__call__(self: simple, image: small) $110
1 get(self: simple, name: "upsampling_amount")
2 set(self: simple, name: "upsampling_amount", value: upsample)
1 get(self: simple, name: "num_detectors")
1 .save(self: predictor, predictor_output_filename: path)
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
    + _of(_ANY, "detector", "predictor", "simple"),
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
2 dlib.rgb_pixel(red: byte, green: byte, blue: byte) -> rgb_pixel
2 get(self: rgb_pixel, name: "green")
2 set(self: rgb_pixel, name: "blue", value: byte)
5 png(path: pathpng, image: pixels)
4 dlib.load_rgb_image(filename: pathpng) -> loaded
4 dlib.load_grayscale_image(filename: pathpng) -> loaded
1 dlib.load_rgb_image(filename: path)
1 dlib.load_rgb_alpha_image(filename: pathpng)
1 dlib.partition_pixels(img: image)
1 dlib.partition_pixels(img: anyimage)
4 dlib.save_image(img: pixels, filename: pathsaved, quality: quality=)
2 dlib.save_image(img: loaded, filename: path)
1 dlib.save_image(img: anyimage, filename: path)
2 exists(path: pathsaved)
4 dlib.resize_image(img: image, rows: side, cols: side)
4 dlib.resize_image(img: image, scale: scale)
3 dlib.resize_image(img: anyimage, rows: side, cols: side)
2 dlib.resize_image(img: anyimage, scale: scale)
"""
    + _of(_ANY, "rgb_pixel"),
    "jitter": """
4 dlib.jitter_image(img: square, num_jitters: jitters=, disturb_colors: bool=)
1 dlib.jitter_image(img: image, num_jitters: jitters=)
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
    "simple": "simple_object_detector",
    "predictor": "shape_predictor",
    "recognition": "face_recognition_model_v1",
}
_NEEDS = {"describe": "recognition", "mmod": "mmod"}
_LINE = re.compile(
    r"(\d+) ([\w.]+)\((.*)\)(?: *-> (\w+))?((?: (?:moves|alias|assigns))*)(?: \$(\d+))?$"
)


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
