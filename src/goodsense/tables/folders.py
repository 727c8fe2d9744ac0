"""The files below a folder, by relative path."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def files_below(
    folder: Path, *, ordered: bool = True, failed: Callable[[str, OSError], None] | None = None
) -> Iterator[str]:
    """Relative paths of the plain files, those of a folder before those of the folders in it.

    Hidden names are left out; links to folders are not followed. Names that are no UTF-8 come with lone surrogates
    (PEP 383). Memory holds the names of one folder at a time; without ``ordered`` not even those.

    Parameters
    ----------
    ordered
        Sort the names, so that equal folders give equal lists; else the first ones come at once.
    failed
        Told of each folder that cannot be read (relative path and reason).
    """
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        folders: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(os.path.join(folder, inside)) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{inside}{entry.name}/")
                    elif entry.is_file():
                        if ordered:
                            names.append(entry.name)
                        else:
                            yield inside + entry.name
        except OSError as error:
            if failed is not None:
                failed(inside, error)
        names.sort()
        for name in names:
            yield inside + name
        waiting += sorted(folders, reverse=True)
