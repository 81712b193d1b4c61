"""Kill ``phiz cluster`` at random moments and run it again: nothing is lost, labels are the same.

    python benchmarks/kill_and_resume.py FOLDER [--kills 20]

Every batch of faces that a run begins to describe is logged, so that the faces described in vain
can be counted: per kill they may be one batch at most.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from phiz.kernels._native import kernel_cache

RUN = """
import sys
from phiz.models.describer import NetDescriber
from phiz.cli import main

describe = NetDescriber.__call__

def logged(self, chips, **options):
    if len(chips):
        with open(sys.argv[1], "a") as log:
            log.write(f"{len(chips)}\\n")
    return describe(self, chips, **options)

NetDescriber.__call__ = logged
sys.exit(main(sys.argv[2:]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        roots = {name: Path(place) / name for name in ("whole", "killed")}
        for root in roots.values():  # what is killed is the work, not the compiler
            compiled = kernel_cache()
            shutil.copytree(compiled, root / "cache" / "kernels" / compiled.name)

        def start(name: str) -> subprocess.Popen[bytes]:
            log = str(roots[name] / "described")
            command = [sys.executable, "-c", RUN, log, "cluster", str(options.folder)]
            return subprocess.Popen(
                [*command, "--upsample", "1", "--out", str(roots[name] / "out")],
                env={**os.environ, "PHIZ_CACHE_DIR": str(roots[name] / "cache")},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

        def remembered() -> int:
            database = roots["killed"] / "cache" / "faces.sqlite"
            if not database.exists():
                return 0
            with sqlite3.connect(database) as connection:
                try:
                    return int(connection.execute("SELECT count(*) FROM faces").fetchone()[0])
                except sqlite3.OperationalError:
                    return 0  # killed before the table was made

        begin = time.perf_counter()
        start("whole").wait()
        length = time.perf_counter() - begin

        def described(name: str) -> list[int]:
            log = roots[name] / "described"
            return [int(line) for line in log.read_text().split()] if log.exists() else []

        kept = [0]
        for _ in range(options.kills):
            process = start("killed")
            time.sleep(chance.uniform(0.1, 0.9) * length)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kept.append(remembered())
            assert kept[-1] >= kept[-2], "something was forgotten"
        start("killed").wait()
        once, often = sum(described("whole")), sum(described("killed"))
        labels = [(root / "out" / "labels.csv").read_bytes() for root in roots.values()]
        print(
            f"{options.kills} kills of a run of {length:.1f} s; pictures remembered after each: "
            f"{kept[1:]}; {often - once} faces described twice in all, largest batch "
            f"{max(described('killed'))}; "
            f"labels.csv {'identical' if labels[0] == labels[1] else 'DIFFERS'}"
        )


if __name__ == "__main__":
    main()
