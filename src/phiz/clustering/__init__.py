"""Who belongs together: neighbour graphs and Chinese whispers."""

from __future__ import annotations

from phiz.clustering.cluster import cluster
from phiz.clustering.graph import NeighbourGraph, graph_of_edges, neighbour_graph
from phiz.clustering.whispers import chinese_whispers, whisper

__all__ = [
    "NeighbourGraph",
    "chinese_whispers",
    "cluster",
    "graph_of_edges",
    "neighbour_graph",
    "whisper",
]
