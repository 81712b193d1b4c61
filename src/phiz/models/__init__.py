"""Models: a session or kernels with the pre- and post-processing of the original."""
