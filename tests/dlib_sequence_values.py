"""Makes arguments of every kind: variables, numbers, dlib's objects, pictures."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from PIL import Image

from tests.dlib_sequence_table import CLASSES


@dataclass
class Variable:
    """What is known of a variable: its kind, and what it is a part of how deeply."""

    kind: str
    root: str
    depth: int


class Values:
    """A method for each kind of argument; see dlib_sequence_worker.py for what they say."""

    def __init__(self, rng: random.Random, told: dict[str, Any]) -> None:
        self.rng = rng
        self._pictures = _sizes(told["pictures"])
        self._files = told["files"]
        self.variables: dict[str, Variable] = {}

    def junk(self) -> Any:
        rng = self.rng
        plain = [None, "3", "ab", "", 1.0, 2.5, True, False, -1, 3, 2**62, 2**63, 2**64, -(2**63)]
        plain += [-(2**63) - 1, float("nan"), float("inf"), 1e300]
        told = [{"list": []}, {"list": [1, 2]}, {"tuple": [1, 2]}, {"dict": {}}, {"indexed": 2}]
        told += [{"floated": 2.5}, {"bytes": "3132"}, {"slice": [0, 2, None]}, {"iter": [1, 2]}]
        told += [{"np": [kind, 3]} for kind in ("int8", "uint64", "float32", "float64", "bool_")]
        told += [{"array": {"values": [1, 2], "dtype": "float64"}}, {"dlib": "rectangle"}]
        told += [{"list": [{"list": [1]}]}, {"list": [None, "a"]}, {"set": [1]}]
        if self.variables and rng.random() < 0.4:
            return {"var": rng.choice(list(self.variables))}
        return rng.choice(plain) if rng.random() < 0.5 else rng.choice(told)

    def value(self, kind: str) -> Any:
        rng = self.rng
        if kind.startswith('"'):
            return kind.strip('"')
        if kind.startswith("["):
            return {"list": [self.value(kind[1:-1]) for _ in range(self._many(kind))]}
        if kind.startswith("&"):
            return {"dlib": CLASSES.get(kind[1:], kind[1:])}
        there = [name for name, each in self.variables.items() if each.kind == kind]
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

    def _byte(self) -> int:
        return self.rng.choice((0, 1, 7, 128, 255, 255, 256, -1))

    def _rgb_pixel(self) -> Any:
        return {"new": ["rgb_pixel", 1, 2, self.rng.randint(0, 255)]}

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

    def _square(self) -> Any:
        made = self._picture(100)
        side = min(made["crop"][2:])
        return {"array": made | {"crop": [*made["crop"][:2], side, side]}}

    def _tiny(self) -> Any:
        side = self.rng.randint(1, 9)
        return {"array": {"noise": self.rng.randint(0, 99), "shape": [side, side, 3]}}

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
        made |= {"strided": True} if rng.random() < 0.2 else {}
        return {"array": made | {"dtype": dtype}}

    def _path(self) -> Any:
        return {
            "path": self.rng.choice(("a.png", "b.PNG", "c.bmp", "d.tiff", "no/e.png", "f", "."))
        }

    def _pathpng(self) -> Any:
        return {"path": self.rng.choice(("a.png", "a.png", "b.PNG", "c.bmp"))}

    def _pathsaved(self) -> Any:
        return {"path": "g.jpg"} if self.rng.random() < 0.2 else self._path()

    def _svm(self) -> Any:
        return {"path": self.rng.choice(("a.svm", "a.svm", "b.svm"))}

    def _simple(self) -> Any:
        return {"model": "frontal"}

    def _loaded(self) -> Any:
        return self._pixels()

    # Models and what they are given.

    def _detector(self) -> Any:
        return {"model": self.rng.choice(("frontal", "frontal", "made"))}

    def _detectors(self) -> Any:
        """Return different detectors: what equal ones find comes in no certain order."""
        names = self.rng.choice((["frontal"], ["made", "frontal"], ["frontal", "made"], []))
        return {"list": [{"model": name} for name in names]}

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
        return self.rng.choice((0, 1))

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
