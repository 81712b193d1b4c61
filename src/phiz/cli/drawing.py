"""Writing annotated copies of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phiz.cli.common import common_folder
from phiz.errors import OptionError

if TYPE_CHECKING:
    from phiz.table import FaceTable

__all__ = ["Drawer"]


class Drawer:
    """Writes each picture with its faces drawn, under ``out``, keeping the folders' structure.

    out: a folder; or, for a single picture, the file to write.
    """

    def __init__(self, out: Path, pictures: Sequence[Path]) -> None:
        self._out = out
        self._single = len(pictures) == 1 and bool(out.suffix) and not out.is_dir()
        if out.is_file() and not self._single:
            raise OptionError(f"--draw {out}: wanted a folder, found a file")
        self._root = common_folder(pictures)

    def _target(self, source: Path) -> Path:
        if self._single:
            return self._out
        inside = source.absolute().relative_to(self._root)
        # Two pictures may differ in their endings only: a.png and a.jpg.
        return self._out / inside.parent / f"{inside.name}.png"

    def draw(
        self, table: FaceTable, captions: Sequence[str] | None = None, *, max_pixels: int
    ) -> Path | None:
        """Write the picture of this table; returns where, or None if it could not be read.

        captions: what to write below each face; by default its label and score.
        """
        from phiz.cache import writing
        from phiz.imaging import draw_faces, encode, read_image

        picture = table.pictures[0]
        if picture.error is not None:
            return None
        source = Path(picture.source)
        target = self._target(source)
        if target.absolute() == source.absolute():
            raise OptionError(f"--draw {target}: that is the picture itself")
        image = read_image(source, max_pixels=max_pixels)
        if captions is None:
            captions = [
                f"{label} {score:.2f}".strip()
                for label, score in zip(table.labels, table.scores, strict=True)
            ]
        drawn = draw_faces(image, table.boxes, captions, table.landmarks)
        content = encode(drawn, target.suffix)
        with writing(target) as file:
            file.write(content)
        return target
