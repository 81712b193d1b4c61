"""face_recognition's way of asking about faces, for programs that are written for it.

    from phiz.compat import face_recognition

    image = face_recognition.load_image_file("party.jpg")
    for encoding in face_recognition.face_encodings(image):
        print(face_recognition.compare_faces([encoding], encoding))

Names, arguments and results are those of face_recognition 1.3.0; numbers are dlib's.  Importing it
loads NumPy and nothing else; models are loaded when they are first used and then kept.
"""

from __future__ import annotations

from phiz.compat.face_recognition.api import (
    batch_face_locations,
    compare_faces,
    face_distance,
    face_encodings,
    face_landmarks,
    face_locations,
    load_image_file,
)

__author__ = "Adam Geitgey"  # of face_recognition, whose interface this is
__email__ = "ageitgey@gmail.com"
__version__ = "1.3.0"  # of the release whose interface this is; its own source says 1.2.3

__all__ = [
    "batch_face_locations",
    "compare_faces",
    "face_distance",
    "face_encodings",
    "face_landmarks",
    "face_locations",
    "load_image_file",
]
