"""Where test data is: the reference folder, pictures of registry packages, weight files."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]


def shared_folder() -> Path | None:
    """Return the folder of reference data, or None."""
    named = os.environ.get("PHIZ_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    return folder if (folder / "golden").is_dir() else None


def registry_pictures() -> list[Path]:
    """Return pictures with faces: two that test dependencies carry, and those that were fetched.

    ``tools/fetch_pictures.py`` fetches more, out of source packages.
    """
    import matplotlib as mpl
    import skimage

    found = [
        Path(skimage.__file__).parent / "data" / "astronaut.png",
        Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    ]
    fetched = Path(os.environ.get("PHIZ_PICTURES", ROOT / ".cache" / "pictures"))
    found += sorted(path for path in fetched.glob("*") if path.suffix in (".jpg", ".png"))
    return [path for path in found if path.name != "scikit-image-astronaut.png"]  # the first one


def faceapi_manifest(model: str) -> Path | None:
    """Return the manifest of one of face-api.js's models, such as ``mtcnn_model``, or None.

    ``tools/fetch_faceapi.py`` fetches them; PHIZ_MODEL_DIR may name a folder of them too.
    """
    shared = shared_folder()
    folders = [ROOT / ".cache" / "faceapi", os.environ.get("PHIZ_MODEL_DIR")]
    folders += sorted((shared / "models").glob("faceapi*")) if shared else []
    found = (Path(folder) / f"{model}-weights_manifest.json" for folder in folders if folder)
    return next((path for path in found if path.is_file()), None)


def weight_file(name: str) -> Path:
    """Return the weight file of a zoo model."""
    from phiz import store
    from phiz.zoo import require_entry

    return store.require(require_entry(name)).path
