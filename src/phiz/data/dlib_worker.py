"""Runs dlib for ``phiz bench``, in an interpreter that has it.  Not imported by phiz.

Reads one JSON command a line from standard input, answers one JSON object a line.
"""

import json
import sys
import time

import dlib
import numpy as np

kept = {}


def keep(key, make):
    if key not in kept:
        kept[key] = make()
    return kept[key]


def timed(work):
    start = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - start}


def about(_):
    return {"about": "dlib " + dlib.__version__ + (", AVX" if dlib.USE_AVX_INSTRUCTIONS else "")}


def hog(ask):
    image = keep(ask["image"], lambda: np.load(ask["image"]))
    detector = keep("hog", dlib.get_frontal_face_detector)
    return timed(lambda: detector(image, ask.get("upsample", 0)))


def landmarks(ask):
    image = keep(ask["image"], lambda: np.load(ask["image"]))
    predictor = keep(ask["path"], lambda: dlib.shape_predictor(ask["path"]))
    box = dlib.rectangle(*ask["box"])
    return timed(lambda: [predictor(image, box) for _ in range(ask["faces"])])


def describe(ask):
    chips = keep(ask["chips"], lambda: list(np.load(ask["chips"])))
    network = keep(ask["path"], lambda: dlib.face_recognition_model_v1(ask["path"]))
    return timed(lambda: network.compute_face_descriptor(chips[: ask["faces"]], 0))


commands = {"about": about, "hog": hog, "landmarks": landmarks, "describe": describe}
for line in sys.stdin:
    ask = json.loads(line)
    print(json.dumps(commands[ask["command"]](ask)), flush=True)
