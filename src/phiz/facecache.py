"""What was found in pictures before, by content and settings.

One SQLite file in the cache; a batch of pictures is one transaction, so that a killed run loses
at most the batch it was working on.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from phiz.cache import private_dir
from phiz.table import SCHEMA, FaceTable, Picture

__all__ = ["FaceCache"]

_BUSY = 60  # seconds to wait for another process's transaction


def _pack(table: FaceTable) -> bytes:
    """Return the table of one picture as bytes: a line of JSON, then the arrays.

    Not a ``.npz`` file, which takes a millisecond to open: more than anything else that is done
    with a picture seen before.
    """
    picture = table.pictures[0]
    columns = {"boxes": table.boxes, "scores": table.scores, "labels": table.labels}
    if table.landmarks is not None:
        columns["landmarks"] = table.landmarks
    if table.descriptors is not None:
        columns["descriptors"] = table.descriptors
    head = {
        "width": picture.width,
        "height": picture.height,
        "scheme": table.scheme,
        "space": table.space,
        "metric": table.metric,
        "threshold": table.threshold,
        "arrays": [[name, array.dtype.str, array.shape] for name, array in columns.items()],
    }
    return b"\n".join([json.dumps(head).encode(), b"".join(a.tobytes() for a in columns.values())])


def _unpack(blob: bytes, picture: Picture, settings_hash: str) -> FaceTable:
    """Return the table again; ValueError, KeyError or TypeError for bytes of another form.

    picture: whose width and height are not known yet.
    """
    line = blob.index(b"\n")
    head = json.loads(blob[:line])
    arrays: dict[str, Any] = {}
    at = line + 1
    for name, kind, shape in head["arrays"]:
        count = math.prod(shape)
        array = np.frombuffer(blob, kind, count, at) if count else np.zeros(0, kind)
        arrays[name] = array.reshape(shape).copy()  # aligned
        at += array.nbytes
    count = len(arrays["scores"])
    return FaceTable(
        pictures=(replace(picture, width=head["width"], height=head["height"]),),
        picture=np.zeros(count, np.int64),
        rank=np.arange(count, dtype=np.int64),
        boxes=arrays["boxes"],
        scores=arrays["scores"],
        labels=arrays["labels"],
        landmarks=arrays.get("landmarks"),
        scheme=head["scheme"],
        descriptors=arrays.get("descriptors"),
        space=head["space"],
        metric=head["metric"],
        threshold=head["threshold"],
        settings_hash=settings_hash,
    )


class FaceCache:
    """Remembers the tables of pictures; threads and processes may share one file.

    path: by default ``faces.sqlite`` in phiz's cache.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or private_dir() / "faces.sqlite"
        self._lock = threading.Lock()
        self._database = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._prepare()
        except sqlite3.DatabaseError:
            # It is a cache: a file that is damaged is put aside and made again.
            self.path.replace(self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}"))
            return self._prepare()

    def _prepare(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_BUSY, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(
            "CREATE TABLE IF NOT EXISTS faces (schema INTEGER, settings TEXT, content TEXT, "
            "found BLOB, PRIMARY KEY (schema, settings, content)) WITHOUT ROWID"
        )
        database.commit()
        return database

    def get(
        self,
        content_hash: str,
        settings_hash: str,
        source: str = "",
        frame: int | None = None,
        time: float | None = None,
    ) -> FaceTable | None:
        """Return what was found in this content with these settings, or None.

        source, frame, time: what to call the picture, see :class:`phiz.table.Picture`.
        """
        blob = self.get_bytes(content_hash, settings_hash)
        if blob is None:
            return None
        try:
            picture = Picture(source, content_hash, frame=frame, time=time)
            return _unpack(blob, picture, settings_hash)
        except (ValueError, KeyError, TypeError):
            return None

    def get_bytes(self, content_hash: str, settings_hash: str) -> bytes | None:
        """Return what :meth:`put_bytes` was given for this content and these settings, or None."""
        with self._lock:
            row = self._database.execute(
                "SELECT found FROM faces WHERE schema = ? AND settings = ? AND content = ?",
                (SCHEMA, settings_hash, content_hash),
            ).fetchone()
        return row[0] if row is not None and isinstance(row[0], bytes) else None

    def put(self, tables: Sequence[FaceTable]) -> None:
        """Remember the tables of pictures that could be read, in one transaction."""
        self.put_bytes(
            (table.pictures[0].content_hash, table.settings_hash, _pack(table))
            for table in tables
            if table.pictures[0].error is None and table.pictures[0].content_hash
        )

    def put_bytes(self, found: Iterable[tuple[str, str, bytes]]) -> None:
        """Remember (content hash, settings, bytes), in one transaction.

        settings: says what the bytes are too; no FaceTable's settings look like it.
        """
        rows = [(SCHEMA, settings, content, blob) for content, settings, blob in found]
        with self._lock, self._database:
            self._database.executemany("INSERT OR REPLACE INTO faces VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> FaceCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
