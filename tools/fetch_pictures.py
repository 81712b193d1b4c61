"""Collect pictures with faces that packages on the Python registry carry.

    python tools/fetch_pictures.py FOLDER

Used by ``make demo`` and by the tests.  Nothing of the packages is installed, and nothing kept
but the pictures; face_recognition and insightface are under the MIT licence, scikit-image under
BSD-3-Clause (its astronaut is a public domain photograph by NASA).
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PACKAGES = {
    "face_recognition==1.3.0": ("source", "/tests/test_images/"),
    "insightface==0.7.3": ("source", "/insightface/data/images/t1.jpg"),
    "scikit-image": ("wheel", "skimage/data/astronaut.png"),
}
LARGEST = 1 << 24  # bytes of a picture


def download(package: str, kind: str, folder: Path) -> Path | None:
    """Download a package; returns the archive, or None if it cannot be had."""
    name = package.partition("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary" if kind == "source" else "--only-binary", name]
    subprocess.run(
        [*command, "--dest", str(folder), package], check=False, stderr=subprocess.DEVNULL
    )
    return next(iter(folder.iterdir()), None)


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file of a package that could be a picture."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for item in wheel.infolist():
                if item.filename.endswith((".jpg", ".png")) and item.file_size <= LARGEST:
                    yield item.filename, wheel.read(item)
        return
    with tarfile.open(archive) as source:
        for member in source:
            if member.name.endswith((".jpg", ".png")) and member.size <= LARGEST:
                content = source.extractfile(member)
                if content is not None:
                    yield member.name, content.read()


def main() -> int:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for package, (kind, inside) in PACKAGES.items():
        name = package.partition("==")[0]
        if list(target.glob(f"{name}-*")):
            continue
        with tempfile.TemporaryDirectory() as folder:
            archive = download(package, kind, Path(folder))
            if archive is None:
                print(f"{package}: not to be had", file=sys.stderr)
                continue
            for path, content in members(archive):
                if inside in f"/{path}":
                    (target / f"{name}-{PurePosixPath(path).name}").write_bytes(content)
    count = len(list(target.glob("*-*")))
    print(f"{count} pictures in {target}")
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
