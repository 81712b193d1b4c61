"""Runs the face_recognition package for ``folder.py``, in an interpreter that has it.

Reads one JSON command a line from standard input, answers one JSON object a line.
"""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

import dlib
import face_recognition


def describe(paths):
    found = []
    for path in paths:
        image = face_recognition.load_image_file(path)
        boxes = face_recognition.face_locations(image, number_of_times_to_upsample=1, model="hog")
        found.extend(face_recognition.face_encodings(image, boxes, num_jitters=1, model="small"))
    return found


kept = []
for line in sys.stdin:
    ask = json.loads(line)
    start = time.perf_counter()
    answer = {}
    if ask["command"] == "describe":
        kept.extend(describe(ask["paths"]))
    elif ask["command"] == "cluster":
        vectors = [dlib.vector(list(row)) for row in kept]
        answer["labels"] = list(dlib.chinese_whispers_clustering(vectors, 0.6))
    answer["seconds"] = time.perf_counter() - start
    print(json.dumps(answer), flush=True)
