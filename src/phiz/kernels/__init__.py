"""The few hot loops that are not a network, compiled on first use: the only importer of Numba.

Kernels release the GIL and are serial inside; the runtime runs several of them side by side.
They check nothing: their callers hand them arrays of the right shape, dtype and layout.
"""
