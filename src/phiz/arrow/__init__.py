"""Face tables as Arrow tables and Parquet files, with the extra ``phiz[arrow]``.

One row per face, and one row without a face for each picture that has none or could not be read,
so that nothing is lost; ``docs/tables.md`` has the columns.
"""

from __future__ import annotations

from phiz.arrow.reading import from_arrow, read_parquet
from phiz.arrow.writing import to_arrow, write_parquet, writing_parquet

__all__ = ["from_arrow", "read_parquet", "to_arrow", "write_parquet", "writing_parquet"]
