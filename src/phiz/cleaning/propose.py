"""From a folder per person to proposals: look at every picture, then judge them all."""

from __future__ import annotations

import os
from collections.abc import Iterator

from phiz.cleaning.judging import judge
from phiz.cleaning.measures import Measures, measure
from phiz.cleaning.result import Cleaning, CleanOptions
from phiz.cleaning.tree import Tree, read_tree
from phiz.errors import ImageError
from phiz.facecache import FaceCache
from phiz.pipeline import Recipe, make_recipe, run
from phiz.runtime import Runtime, default_runtime
from phiz.table import FaceTable, Picture

__all__ = ["examine", "propose"]

_NOTHING = Measures(None, ())


def examine(
    tree: Tree,
    recipe: Recipe,
    *,
    cache: FaceCache | None = None,
    runtime: Runtime | None = None,
) -> Iterator[tuple[FaceTable, Measures]]:
    """Yield the faces and measures of each picture of a tree, in its order.

    cache: remembers both, so that a run that was stopped goes on.  A picture that cannot be read
    gives an empty table whose ``pictures[0].error`` says why.
    """
    shared = runtime or default_runtime()

    def look(table: FaceTable) -> tuple[FaceTable, Measures]:
        picture = table.pictures[0]
        if picture.error is not None:
            return table, _NOTHING
        path = tree.path(picture.source)
        try:
            return table, measure(path, table, max_pixels=recipe.max_pixels, cache=cache)
        except ImageError as error:  # it could be read a moment ago
            failed = Picture(picture.source, error=str(error))
            return FaceTable.of_picture(failed, settings_hash=recipe.settings_hash), _NOTHING

    found = run((tree.path(name) for name in tree.pictures), recipe, cache=cache, runtime=shared)
    named = (table.rename(name) for name, table in zip(tree.pictures, found, strict=True))
    yield from shared.stream(look, named)


def propose(
    directory: str | os.PathLike[str],
    *,
    recipe: Recipe | None = None,
    options: CleanOptions | None = None,
    cache: FaceCache | None = None,
    runtime: Runtime | None = None,
) -> Cleaning:
    """Say what could be cleaned in a data set with a folder per person; changes nothing.

    directory: its folders are the identities; pictures in folders inside them are theirs.
    recipe: the models, by default dlib's; it wants a descriptor model.
    options: where proposals begin.  cache: remembers what was found in pictures.

    Raises OptionError for a folder without pictures of people.  Pictures that cannot be read become
    proposals of kind "unreadable".
    """
    tree = read_tree(directory)
    recipe = recipe or make_recipe(runtime=runtime)
    looked = list(examine(tree, recipe, cache=cache, runtime=runtime))
    return judge(tree, [table for table, _ in looked], [found for _, found in looked], options)
