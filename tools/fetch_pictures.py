"""Collect pictures with faces that source packages on the Python registry carry.

    python tools/fetch_pictures.py FOLDER

Used by ``make demo`` and by the tests.  Nothing of the packages is installed, and nothing kept
but the pictures; both packages are under the MIT licence.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

PACKAGES = {
    "face_recognition==1.3.0": "/tests/test_images/",
    "insightface==0.7.3": "/insightface/data/images/t1.jpg",
}
LARGEST = 1 << 24  # bytes of a picture


def download(package: str, folder: Path) -> Path | None:
    """Download a source package; returns the archive, or None if it cannot be had."""
    name = package.partition("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name]
    done = subprocess.run(
        [*command, "--dest", str(folder), package], check=False, stderr=subprocess.DEVNULL
    )
    if done.returncode:
        return None
    return next(folder.glob("*.tar.gz"), None)


def main() -> int:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    missing = 0
    for package, inside in PACKAGES.items():
        name = package.partition("==")[0]
        if (target / f".{name}").exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            archive = download(package, Path(folder))
            if archive is None:
                print(f"{package}: not to be had", file=sys.stderr)
                missing += 1
                continue
            with tarfile.open(archive) as members:
                for member in members:
                    picture = PurePosixPath(member.name)
                    wanted = inside in f"/{member.name}" and picture.suffix in (".jpg", ".png")
                    content = members.extractfile(member) if wanted else None
                    if content is not None and member.size <= LARGEST:
                        (target / f"{name}-{picture.name}").write_bytes(content.read())
        (target / f".{name}").touch()
    print(f"{len(list(target.glob('*.*g')))} pictures in {target}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
