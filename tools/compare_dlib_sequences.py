"""Asks dlib and phiz's ``dlib`` many random programs; prints where they differ.

python tools/compare_dlib_sequences.py --count 2000 --seed 7
"""

from __future__ import annotations

import argparse
import collections
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.dlib_sequence_judge import Judge, first_difference
from tests.dlib_sequences import programs


def main() -> int:
    """Ask many programs and print the first few differences, each as small as it can be made."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=10, help="how many differences are printed")
    parser.add_argument("--themes", default="", help="only these, such as rectangles,points")
    asked = parser.parse_args()
    verbs: collections.Counter[str] = collections.Counter()
    ends: collections.Counter[str] = collections.Counter()
    differing = 0
    with Judge() as judge:
        for program in programs(asked.count, asked.seed, judge.told, asked.themes):
            wanted, found = judge.transcripts(program)
            for step, entry in zip(program["steps"], wanted, strict=False):
                verbs[step.get("do", "drop")] += 1
                ends.update(list(entry)[:1])
            if first_difference(program, wanted, found) is None:
                continue
            differing += 1
            if differing <= asked.show:
                smallest = judge.smallest(program)
                print(judge.difference(smallest) or "not again")
                print()
    print(f"{asked.count} programs, {sum(verbs.values())} steps, {differing} programs differ")
    print(f"steps ended with {dict(ends)}")
    print(", ".join(f"{name} {times}" for name, times in verbs.most_common()))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
