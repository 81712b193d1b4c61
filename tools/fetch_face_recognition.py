"""Fetch face_recognition's source package from the Python registry: its own tests, and itself.

    python tools/fetch_face_recognition.py FOLDER

Used by the tests, which run ``FOLDER/suite/tests`` against phiz, and ``FOLDER/source``, as it is,
on phiz's dlib module.  Nothing is installed; the package is under the MIT licence.  Without the
registry it says so and the tests that need it are skipped.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from fetch_pictures import LARGEST, download

PACKAGE = "face_recognition==1.3.0"
SHA256 = "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"
PARTS = {"tests": "suite", "face_recognition": "source"}


def main() -> int:
    target = Path(sys.argv[1])
    if all((target / part).is_dir() for part in PARTS.values()):
        return 0
    with tempfile.TemporaryDirectory() as folder:
        archive = download(PACKAGE, "source", Path(folder))
        if archive is None:
            print(f"{PACKAGE}: not to be had", file=sys.stderr)
            return 0
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256:
            print(f"{PACKAGE}: wanted sha256 {SHA256}, found {found}", file=sys.stderr)
            return 1
        with tarfile.open(archive) as package:
            for member in package:
                inside = PurePosixPath(member.name).parts[1:]
                content = package.extractfile(member)
                if content is None or member.size > LARGEST or inside[0] not in PARTS:
                    continue
                path = target / PARTS[inside[0]] / PurePosixPath(*inside)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    print(f"the source of {PACKAGE} in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
