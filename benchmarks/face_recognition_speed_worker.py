"""Times face_recognition's functions for ``face_recognition_speed.py``.

Runs in the interpreter of either side: with face_recognition and dlib, or with the module that
phiz-face-recognition puts in its place.  Reads one JSON command a line, answers one number a line.
"""

import json
import sys
import time
import warnings
from functools import partial

warnings.simplefilter("ignore")

import face_recognition

pictures = {}
for line in sys.stdin:
    path, task, times = json.loads(line)
    if path not in pictures:
        image = face_recognition.load_image_file(path)
        pictures[path] = (image, face_recognition.face_locations(image))
    image, places = pictures[path]
    work = {
        "face_locations": partial(face_recognition.face_locations, image),
        "face_landmarks": partial(face_recognition.face_landmarks, image, places),
        "face_encodings": partial(face_recognition.face_encodings, image, places),
        "end to end": partial(face_recognition.face_encodings, image),
    }[task]
    start = time.perf_counter()
    for _ in range(times):
        work()
    print((time.perf_counter() - start) / times, flush=True)
