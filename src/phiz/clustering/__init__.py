"""Who belongs together: graphs of faces that are close, and the people in them."""

from __future__ import annotations

from phiz.clustering.assigning import assign
from phiz.clustering.cluster import cluster, label_faces
from phiz.clustering.graph import NeighbourGraph, graph_of_edges, neighbour_graph
from phiz.clustering.linking import LinkedFaces, link_faces
from phiz.clustering.merging import Merge, suggest_merges
from phiz.clustering.newman import modularity, newman_cluster
from phiz.clustering.stability import Stability, adjusted_rand, stability
from phiz.clustering.whispers import chinese_whispers, whisper

__all__ = [
    "LinkedFaces",
    "Merge",
    "NeighbourGraph",
    "Stability",
    "adjusted_rand",
    "assign",
    "chinese_whispers",
    "cluster",
    "graph_of_edges",
    "label_faces",
    "link_faces",
    "modularity",
    "neighbour_graph",
    "newman_cluster",
    "stability",
    "suggest_merges",
    "whisper",
]
