"""Imported only where face_recognition itself was installed over phiz-face-recognition.

A folder, as Python prefers it to the module ``api.py`` of the original, whose ``__init__.py``
comes here; the one of phiz-face-recognition never does.
"""

from pathlib import Path

from phiz.compat.stand_in import refuse_beside

refuse_beside(str(Path(__file__).parent), "phiz-face-recognition", ("face_recognition",))
raise ImportError(
    "face_recognition/__init__.py is not that of phiz-face-recognition: "
    "pip install --force-reinstall phiz-face-recognition"
)
