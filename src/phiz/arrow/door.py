"""The only importer of pyarrow."""

from __future__ import annotations

from typing import Any

from phiz.errors import MissingExtra

__all__ = ["pyarrow"]


def pyarrow() -> Any:
    """Return pyarrow, with its Parquet part; MissingExtra, with the line that gets it."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(
            "Arrow tables and Parquet files want pyarrow: pip install 'phiz[arrow]'"
        ) from error
    return pa
