"""The few hot loops that are not a network: the only importer of Numba and llvmlite.

They are compiled on the first use on a machine and kept; after that Numba is not even imported.

Kernels release the GIL and are serial inside; the runtime runs several of them side by side.
They check nothing: their callers hand them arrays of the right shape, dtype and layout.
"""
