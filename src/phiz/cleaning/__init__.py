"""What is wrong in a data set with a folder per person, and a clean copy of it."""

from __future__ import annotations

from phiz.cleaning.proposals import Proposal, Proposals
from phiz.cleaning.propose import Cleaning, CleanOptions, examine, judge, propose
from phiz.cleaning.tree import Tree, read_tree

__all__ = [
    "CleanOptions",
    "Cleaning",
    "Proposal",
    "Proposals",
    "Tree",
    "examine",
    "judge",
    "propose",
    "read_tree",
]
