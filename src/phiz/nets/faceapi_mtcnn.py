"""MTCNN's three networks as face-api.js has them.

Their first axis is the picture's x: rows and columns are exchanged in what they take and return.
Source: face-api.js 0.22.2, ``src/mtcnn``; Zhang et al. 2016.
"""

from __future__ import annotations

from phiz.graph.graph import Graph
from phiz.nets.faceapi_layers import Layers, Networks, Tensors

__all__ = ["faceapi_mtcnn"]


def _convolve(net: Layers, x: str, part: str, number: int, count: int, side: int = 3) -> str:
    """Convolve without padding, then prelu."""
    x = net.conv(x, f"{part}/conv{number}", count, side, same=False)
    return net.prelu(x, f"{part}/prelu{number}")


def _pnet(tensors: Tensors) -> Graph:
    """Of pictures of any size: prob (n, 1, r, c) and regions (n, 4, r, c) of each 12 x 12 cell."""
    net = Layers("faceapi-mtcnn-pnet", tensors, kernel="weights")
    x = _convolve(net, net.pixels(None, None), "pnet", 1, 10)
    x = net.max_pool(x, 2)
    x = _convolve(net, x, "pnet", 2, 16)
    x = _convolve(net, x, "pnet", 3, 32)
    prob = net.second_of_two(x, "pnet/conv4_1", 1, 1, name="prob")
    return net.graph(prob, net.conv(x, "pnet/conv4_2", 4, label="regions"))


def _rnet(tensors: Tensors) -> Graph:
    """Of patches of 24 x 24: prob (n, 1, 1, 1) and regions (n, 4, 1, 1)."""
    net = Layers("faceapi-mtcnn-rnet", tensors, kernel="weights")
    x = _convolve(net, net.pixels(24, 24), "rnet", 1, 28)
    x = net.max_pool(x, 3)
    x = _convolve(net, x, "rnet", 2, 48)
    x = net.max_pool(x, 3, same=False)
    x = _convolve(net, x, "rnet", 3, 64, 2)
    x = net.prelu(net.dense(x, "rnet/fc1", 128), "rnet/prelu4")
    prob = net.second_of_two(x, "rnet/fc2_1", name="prob")
    return net.graph(prob, net.dense(x, "rnet/fc2_2", 4, label="regions"))


def _onet(tensors: Tensors) -> Graph:
    """Of patches of 48 x 48: as the RNet, and points (n, 10, 1, 1), first all x, then all y."""
    net = Layers("faceapi-mtcnn-onet", tensors, kernel="weights")
    x = _convolve(net, net.pixels(48, 48), "onet", 1, 32)
    x = net.max_pool(x, 3)
    x = _convolve(net, x, "onet", 2, 64)
    x = net.max_pool(x, 3, same=False)
    x = _convolve(net, x, "onet", 3, 64)
    x = net.max_pool(x, 2)
    x = _convolve(net, x, "onet", 4, 128, 2)
    x = net.prelu(net.dense(x, "onet/fc1", 256), "onet/prelu5")
    prob = net.second_of_two(x, "onet/fc2_1", name="prob")
    regions = net.dense(x, "onet/fc2_2", 4, label="regions")
    return net.graph(prob, regions, net.dense(x, "onet/fc2_3", 10, label="points"))


def faceapi_mtcnn(tensors: Tensors) -> Networks:
    """The P-, R- and O-Net, each finer than the one before.

    prob: how sure they are of a face.  regions: left, top, right and bottom, moved by parts of the
    cell's or patch's width and height.
    """
    return Networks((_pnet(tensors), _rnet(tensors), _onet(tensors)))
