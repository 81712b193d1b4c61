"""Bytes to values: one module per file format.

Weight files are hostile input.  A reader returns a correct value or raises FormatError with the
path, the byte, what was wanted and what was found; it never reads past the end, never runs
without end, and never allocates more than the file's own length can justify.
"""
