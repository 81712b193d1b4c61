"""The weight files that face_recognition uses."""

from __future__ import annotations

import os

from phiz import store
from phiz.zoo import require_entry

__all__ = ["weight_file"]

_ORIGINAL = "face_recognition_models"


def weight_file(name: str) -> str:
    """Return the path of a zoo model's weight file; ModelNotFound says how to get it.

    Of ``dlib-mmod-human`` there are two revisions, with different weights.  The original takes
    the one that face_recognition_models carries, so its files come first where that package is
    installed; PHIZ_MODEL_DIR still goes before it.
    """
    entry = require_entry(name)
    found = store.require(entry)
    if not os.environ.get("PHIZ_MODEL_DIR"):
        found = store.carried(entry, _ORIGINAL) or found
    return str(found.path)
