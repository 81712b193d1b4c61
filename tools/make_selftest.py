"""Write the numbers that ``phiz doctor`` checks against: what dlib itself gives.

Run with the ``dlib-bin`` wheel and ``face_recognition_models`` installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import dlib

from phiz import store
from phiz.selftest import EDGES, HOG_THRESHOLD, RECTANGLE, pattern
from phiz.zoo import ZOO

TARGET = Path(__file__).parents[1] / "src/phiz/data/selftest.json"


def main() -> None:
    picture, chip = pattern(200, 240), pattern(150, 150)
    boxes, scores, sub = dlib.get_frontal_face_detector().run(picture, 0, HOG_THRESHOLD)
    golden: dict[str, object] = {
        "source": f"dlib {dlib.__version__}",
        "dlib-hog-frontal": {
            "boxes": [[b.left(), b.top(), b.right() + 1, b.bottom() + 1] for b in boxes],
            "scores": list(scores),
            "sub": list(sub),
        },
        "whispers": list(dlib.chinese_whispers(EDGES)),
    }
    for name in ("dlib-landmarks-5", "dlib-landmarks-68"):
        predictor = dlib.shape_predictor(str(store.require(ZOO[name]).path))
        shape = predictor(picture, dlib.rectangle(*RECTANGLE))
        golden[name] = [[shape.part(i).x, shape.part(i).y] for i in range(shape.num_parts)]
    network = dlib.face_recognition_model_v1(str(store.require(ZOO["dlib-face-resnet-v1"]).path))
    golden["dlib-face-resnet-v1"] = [float(v) for v in network.compute_face_descriptor(chip)]
    TARGET.write_text(json.dumps(golden) + "\n")
    print(f"{TARGET}: {len(boxes)} boxes")


if __name__ == "__main__":
    main()
