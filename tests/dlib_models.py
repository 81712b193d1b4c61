"""Calls on models and pictures that dlib's module and phiz's must answer alike.

Each line is an expression.  In it ``d`` is the module, ``a`` a picture with one face (RGB), ``g``
its gray one, ``g1`` that as (h, w, 1), ``S`` a tiny RGB one, ``chip`` a square part of ``a``.
``hog`` is the frontal face detector, ``simple``, ``small``, ``wide`` and ``cell`` are others,
``sp`` and ``sp68`` the shape predictors, ``net`` the recognition model.  ``box`` is the face,
``f`` and ``f68`` are its points, ``fs`` both, ``odd`` is a detection of 3 points, ``place`` one of
a chip.  ``tmp`` is a folder with files, ``read`` gives a file's bytes, ``V`` (n, 3) numbers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

DETECTORS = """
hog, hog == hog, hog != 3, type(hog), hog.num_detectors
hog(a), hog(g), hog(a, 1), hog(image=a, upsample_num_times=0), hog(a[:, ::-1].copy())
hog(g1), hog(np.zeros((0, 0, 3), "u1")), hog(np.zeros((1, 1), "u1"))
hog.run(a, 0, -0.8), hog.run(image=a, upsample_num_times=1, adjust_threshold=0.3)
hog(a.astype("f4"))
hog(np.dstack([a, g]))
hog(g > 3)
hog(g.astype("i1"))
hog([[1]])
hog(S, None)
hog(S, -1)
hog.run(S, 1, "a")
hog.detection_window_height, hog.detection_window_width
setattr(hog, "num_detectors", 3)
hog.save("/nonexistent/folder/file")
hog.save(3)
hog.save(tmp + "/saved"), read(tmp + "/saved") == hog.__getstate__()[0]
hog.__getstate__()
d.fhog_object_detector(tmp + "/saved").run(a)
d.get_frontal_face_detector(1)
d.fhog_object_detector()
d.fhog_object_detector(3)
d.fhog_object_detector("/nonexistent")
d.fhog_object_detector("/")
d.fhog_object_detector(tmp + "/junk")
d.fhog_object_detector(tmp + "/empty")
d.fhog_object_detector.run_multiple([], a)
d.fhog_object_detector.run_multiple([hog], a, 0, -0.8), hog.run_multiple([hog], g, 1)
d.simple_object_detector.run_multiple([hog, small, wide], a, 0, -0.5)
d.simple_object_detector.run_multiple([wide, hog], g, 1, -0.3)
d.fhog_object_detector.run_multiple([small, wide], a[:100, :90].copy(), 0, -1)
d.fhog_object_detector.run_multiple([cell, hog], a, 0, -0.5)
d.fhog_object_detector.run_multiple([3], a)
d.fhog_object_detector.run_multiple([hog, "a"], a.astype("f4"))
d.fhog_object_detector.run_multiple([hog], a.astype("f4"))
d.fhog_object_detector.run_multiple(3, S)
d.simple_object_detector([])
d.simple_object_detector([hog])
d.simple_object_detector(detectors=[3])
d.simple_object_detector()
d.simple_object_detector(3)
d.simple_object_detector("/nonexistent")
d.simple_object_detector(tmp + "/saved")
simple.upsampling_amount, simple(a[::2, ::2].copy()), simple(a, 0), simple(a, upsample_num_times=0)
simple(S, -1)
simple.__getstate__()
[setattr(simple, "upsampling_amount", n) for n in (0, 1)], simple.upsampling_amount
setattr(simple, "upsampling_amount", -1)
setattr(simple, "upsampling_amount", "a")
d.simple_object_detector([simple, simple]).num_detectors
d.simple_object_detector([simple, simple]).__getstate__()
d.simple_object_detector([simple, simple])(a, 0)
"""

LANDMARKS = """
f, f68, f.rect, f68.num_parts, sp, type(f)
sp(g, box), sp(a[:, ::-1], box), sp(image=a, box=box), sp68(g1, box)
sp(a, d.rectangle()), sp(a, d.rectangle(30, 30, -20, 10)), sp(a[:0], d.rectangle(1, 1, 50, 50))
[sp(a, d.rectangle(x, y, x + n, y + n)) for x, y, n in [(-90, 5, 80), (500, 500, 70), (9, 9, 0)]]
sp(a.astype("f8"), box)
sp(a, d.drectangle(1, 1, 50, 50))
sp(S)
d.shape_predictor()(a, box), d.shape_predictor().__getstate__()
sp.__getstate__() == (read(points),)
sp.save(tmp + "/points"), d.shape_predictor(tmp + "/points")(a, box)
d.shape_predictor().save(tmp + "/none"), d.shape_predictor(tmp + "/none")(a, box).num_parts
sp.save("/nonexistent/folder/file")
d.shape_predictor("/nonexistent")
d.shape_predictor("/")
d.shape_predictor(tmp + "/junk")
d.shape_predictor(tmp + "/empty")
d.shape_predictor(tmp + "/saved")
d.shape_predictor(3)
"""

DESCRIPTORS = """
net.compute_face_descriptor(a, f), net.compute_face_descriptor(a, f68, 0, 0.1)
net.compute_face_descriptor(a, fs), net.compute_face_descriptor([a, a], [fs, fs])
net.compute_face_descriptor((a, 1), face=f), net.compute_face_descriptor(chip)
net.compute_face_descriptor([chip, a[:150, :150].copy()]), net.compute_face_descriptor([chip], -3)
net.compute_face_descriptor([], []), net.compute_face_descriptor([])
net.compute_face_descriptor(a, d.full_object_detections())
net.compute_face_descriptor([a], [d.full_object_detections()])
net.compute_face_descriptor(a, f, 1, 4.0), net.compute_face_descriptor(a, f, 0, 0)
net.compute_face_descriptor(a[:0], f)
net.compute_face_descriptor(a, f, 3), net.compute_face_descriptor(a, fs, 2, 0.3)
net.compute_face_descriptor([chip], 4), net.compute_face_descriptor(chip, num_jitters=2)
net.compute_face_descriptor([a, a], [fs])
net.compute_face_descriptor(a)
net.compute_face_descriptor(a, odd)
net.compute_face_descriptor(a, f, 0, -0.1)
net.compute_face_descriptor(a, f, 0, float("nan"))
net.compute_face_descriptor(3)
net.compute_face_descriptor(S[:, :, 0], f)
net.compute_face_descriptor(S[:, ::-1], f)
net.compute_face_descriptor(S, f, 1.5)
net.compute_face_descriptor([S], [[f]])
d.face_recognition_model_v1()
d.face_recognition_model_v1("/nonexistent")
d.face_recognition_model_v1("/")
d.face_recognition_model_v1(tmp + "/junk")
d.face_recognition_model_v1(tmp + "/empty")
d.cnn_face_detection_model_v1()
d.cnn_face_detection_model_v1("/nonexistent")
d.cnn_face_detection_model_v1(tmp + "/junk")
d.cnn_face_detection_model_v1(tmp + "/empty")
"""

CHIPS = """
d.get_face_chip(a, f), d.get_face_chip(a, f68, size=90, padding=0.4), d.get_face_chip((a, 1), f, 1)
[d.get_face_chip(g.astype(t), f) for t in "u1 u2 u4 u8 i2 i4 i8 f4 f8".split()]
d.get_face_chip((g // 2).astype("i1"), f), d.get_face_chip(g1, f, 30)
d.get_face_chips(a, fs), d.get_face_chips(g, fs, 40, 0.0), d.get_face_chip(a[:0], f)
d.get_face_chip(S, odd)
d.get_face_chip(S, f, -20)
d.get_face_chip(S, f, 0)
d.get_face_chip(S, f, 150, -0.1)
d.get_face_chip(S[:, :, :1], f)
d.get_face_chip(S.astype("f4"), f)
d.get_face_chip(S[:, :, 0] > 3, f)
d.get_face_chips(a, d.full_object_detections())
d.get_face_chips(S, [f])
d.get_face_chip_details(f), d.get_face_chip_details(f68, 150, 0.25), str(d.get_face_chip_details(f))
[str(place) for place in d.get_face_chip_details(fs)], d.get_face_chip_details(det=f, padding=0.1)
d.get_face_chip_details([f])
d.get_face_chip_details(f, 0)
d.chip_dims(3, 4), str(d.chip_dims(3, 4)), d.chip_details(box), str(d.chip_details(box, 100))
d.chip_dims(-1, 0)
[d.chip_details(d.drectangle(1, 2, 30.5, n)) for n in (2.5, 3.5, 40)]
[d.chip_details(d.drectangle(1, 2, 30.5, 40), n, 0.3) for n in (1, 9, 100)]
d.chip_details(box, d.chip_dims(3, 4), 2), d.chip_details(box, d.chip_dims(3, 4))
d.chip_details(d.rectangle(), 100), d.chip_details(d.rectangle(1, 1, 500, 2), 1)
d.chip_details(f.parts(), d.points(list(f.parts())[::-1]), d.chip_dims(30, 40))
d.chip_details(f.parts(), d.points(), d.chip_dims(3, 4))
d.chip_details(3)
setattr(place, "rows", 1.5)
setattr(place, "rect", box)
d.extract_image_chip(a, place), d.extract_image_chip(g.astype("f4"), place)
place.rect is place.rect, place.rows, place.cols, place.angle
d.extract_image_chips(a, [place, d.chip_details(d.rectangle(-9, -20, 90, 80))])
d.extract_image_chips(a, [place, 3])
d.extract_image_chip(S, 3)
d.save_face_chip(S)
d.save_face_chip(a, f, "/nonexistent/folder/file")
d.jitter_image(chip, 2), d.jitter_image(chip, 2, True), d.jitter_image(chip), d.jitter_image(S, 0)
d.jitter_image(S)
d.jitter_image(S, -1)
d.partition_pixels(a), d.partition_pixels(a, 3)
[d.partition_pixels(g.astype(t), 2) for t in ("u1", "u2", "u4", "f4", "f8")]
d.partition_pixels(S, 0)
d.partition_pixels(g.astype("f4"), 7)
d.partition_pixels(S[:, :, 0].astype("i4"))
d.resize_image(a, 70, 90), [d.resize_image(g.astype(t), 33, 44) for t in ("u2", "i8", "f8")]
[d.resize_image(g.astype(t), n) for t in ("i2", "f4") for n in (0.3, 2, 1.0)]
d.resize_image(S, 0.0)
d.resize_image(S[:, :, 0].copy(), 2.0)
d.resize_image(S, -1, 5)
"""

CLUSTERING = """
[d.chinese_whispers_clustering([d.vector(row) for row in V], n) for n in (0.2, 0.5, 1, 9)]
[d.chinese_whispers_clustering([d.vector(row.round()) for row in V], n) for n in (1, 1.5)]
[d.bottom_up_clustering([d.vector(row) for row in V], k, m) for k in (1, 50) for m in (0.3, 1, 9)]
[d.bottom_up_clustering([d.vector(row.round()) for row in V[:n]], 1, 2) for n in range(9)]
[d.bottom_up_clustering([d.vector(row[:1].round()) for row in V * 9], 3, m) for m in (2, 5, 7)]
[f([d.vector(), d.vector()], 1) for f in (d.chinese_whispers_clustering, d.bottom_up_clustering)]
[d.chinese_whispers_clustering([d.vector([x]) for x in row], 1) for row in NOT_FINITE]
d.bottom_up_clustering([d.vector([x]) for x in (float("nan"), 1, 1)]), d.bottom_up_clustering([3])
d.chinese_whispers_clustering([], 0.5), d.chinese_whispers_clustering([d.vector([8])], float("inf"))
d.chinese_whispers_clustering([], 0)
d.chinese_whispers_clustering([1], 0.5)
d.chinese_whispers_clustering([np.zeros(3)], 0.5)
d.chinese_whispers_clustering(d.vectors(), 1)
d.bottom_up_clustering([], 0)
d.bottom_up_clustering([d.vector([1, 2]), 3])
[d.chinese_whispers(edges) for edges in EDGES]
d.chinese_whispers([]), d.chinese_whispers([[0, 1]]), d.chinese_whispers([(5, 7)])
d.chinese_whispers([(0, np.int64(3)), (0, True)])
d.chinese_whispers([np.array([0, 1]), {0: 1, 1: 2}])
d.chinese_whispers([(0, 1, -1), (0, 1, -1), (1, 2, 0.5), (2, 1, 0.7), (0, 3), (3, 3)])
d.chinese_whispers(((0, 1),))
d.chinese_whispers(["fo"])
d.chinese_whispers([3])
d.chinese_whispers([(0,)])
d.chinese_whispers([(0, -1)])
d.chinese_whispers([(0, 1.0)])
d.chinese_whispers([(0, 1, None)])
d.load_rgb_image("/nonexistent.png")
d.load_grayscale_image(tmp + "/junk")
d.load_rgb_alpha_image(tmp + "/empty")
d.load_rgb_image("/")
d.load_rgb_image(3)
d.load_rgb_image(b"/nonexistent")
d.save_image(S, tmp + "/x.webp")
d.save_image(S, "/nonexistent/folder/x.jpg")
d.save_image(S, "/nonexistent/folder/x.bmp")
d.save_image(S.astype("f4"), tmp + "/x.jpg")
d.cuda.get_num_devices(), d.cuda.get_device(), d.cuda.set_device(0), d.DLIB_USE_CUDA, d.__version__
d.cuda.set_device(1)
d.cuda.get_device(1)
d.set_dnn_prefer_smallest_algorithms()
d.set_dnn_prefer_smallest_algorithms(1)
"""


def lines(text: str) -> list[str]:
    return text.strip().split("\n")


def plain(value: Any) -> Any:
    """What a call gave, as numbers, strings, arrays and lists of them."""
    kind = type(value).__name__
    if isinstance(value, (bool, int, float, np.ndarray, bytes)) or value is None:
        return value
    if kind == "vector":
        return np.array(value)
    if kind == "full_object_detection":
        return [kind, repr(value.rect), [str(part) for part in value.parts()]]
    if kind == "mmod_rectangle":
        return [repr(value.rect), value.confidence]
    if kind in ("list", "tuple", "mmod_rectangles", "mmod_rectangless", "vectors", "vectorss"):
        return [kind, *map(plain, value)]
    return re.sub("0x[0-9a-f]+", "0x", repr(value))


def outcome(call: str, names: dict[str, Any]) -> Any:
    """What a call gives or raises."""
    try:
        return plain(eval(call, {"np": np, "read": lambda path: Path(path).read_bytes(), **names}))
    except Exception as error:  # noqa: BLE001 - which one is the result
        text = str(error).partition("Invoked with: [array(")[0]  # not the whole picture
        return f"{type(error).__name__}: " + re.sub("0x[0-9a-f]+", "0x", text)


def assert_alike(mine: Any, its: Any) -> None:
    """Real numbers may differ by 1e-4; everything else is the same, types included."""
    if isinstance(its, np.ndarray) and its.dtype == np.float64 and its.ndim == 1:
        np.testing.assert_allclose(mine, its, rtol=0, atol=1e-4)
    elif isinstance(its, np.ndarray):
        assert mine.dtype == its.dtype
        np.testing.assert_array_equal(mine, its)
    elif isinstance(its, list):
        assert isinstance(mine, list)
        assert len(mine) == len(its)
        for one, other in zip(mine, its, strict=True):
            assert_alike(one, other)
    else:
        assert type(mine) is type(its)
        assert mine == its or (isinstance(its, float) and abs(mine - its) < 1e-4)
