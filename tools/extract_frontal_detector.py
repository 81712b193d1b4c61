"""Write dlib's built-in frontal face detector to phiz's package data.

The filters are not in any published file: they are compiled into dlib.  Run with the ``dlib-bin``
wheel installed; the result must have the SHA-256 in ``phiz/zoo.py``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import dlib

TARGET = Path(__file__).parents[1] / "src/phiz/data/dlib_frontal_face_detector.svm"


def main() -> None:
    dlib.get_frontal_face_detector().save(str(TARGET))
    content = TARGET.read_bytes()
    print(f"{TARGET}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
