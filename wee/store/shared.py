"""Arrays of labels, ids and groups that many entries have in common, kept once.

Every member that is evaluated on a split writes the same labels, ids and groups. `share_arrays` moves them to a folder of the
store, where a file is named after its size and checksums, and removes the copies. The manifests of the entries stay as they
are: an array that is not in the folder of its entry is looked for there. A program that does not know this folder finds that a
file of the entry is missing, and reports the entry as damaged; it reads no wrong values.
"""

from __future__ import annotations

import contextlib
import filecmp
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from wee.files import NO_SPACE, temporary_path
from wee.identity import key_of

log = logging.getLogger("wee")

FOLDER = ".samples"
"""The folder of shared arrays within the store."""

NAMES = ("labels.npy", "ids.npy", "groups.npy")
"""The files of an entry that are shared; logits never are."""


def shared_path(root: Path, name: str, about: Mapping[str, Any]) -> Path:
    """Return where a shared array is, whether it exists or not.

    Args:
        root: the root folder of the store.
        name: name of the file in the folder of an entry.
        about: its size and checksums, as the manifest of an entry has them.
    """
    stem, _, ending = name.partition(".")
    content = {"bytes": about["bytes"], "crc32": list(about["crc32"])}
    return root / FOLDER / f"{stem}-{key_of(content)}.{ending}"


def copies(root: Path, folder: Path, files: Mapping[str, Mapping[str, Any]]) -> list[tuple[Path, Path]]:
    """Return the arrays in the folder of an entry that can be shared: each with where it goes.

    Args:
        root: the root folder of the store.
        folder: the folder of the entry.
        files: size and checksums of its files, by name, as its manifest has them.
    """
    return [
        (folder / name, shared_path(root, name, files[name]))
        for name in NAMES
        if name in files and (folder / name).is_file()
    ]


def share_arrays(pairs: Iterable[tuple[Path, Path]], done: Callable[[int], None]) -> int:
    """Move arrays to where they are shared. An interruption loses nothing: an array is there twice until its copy is removed.

    Args:
        pairs: the arrays, and where they go. They must have been compared with their checksums.
        done: called with the number of arrays that have been processed.

    Returns:
        The number of bytes that have become free.

    Raises:
        OSError: the store cannot be written to.
    """
    freed = 0
    for copy, target in pairs:
        with contextlib.suppress(FileNotFoundError):  # another process has shared it meanwhile
            freed += _share(copy, target)
        done(1)
    return freed


def _share(copy: Path, target: Path) -> int:
    """Move one array; return the number of bytes that have become free.

    The target is touched before the copy goes. `wee store gc` looks at the time of an array once more after it has moved the
    array aside: it either sees that the array is in use again, or has removed it before, and then it is placed again here.
    """
    while True:
        try:
            os.utime(target)
            break
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            _place(copy, target)
        except PermissionError:
            log.warning(f"{target} belongs to another user and cannot be used: {copy} stays as it is")
            return 0
    # Names have checksums of 32 bits: two arrays that differ could have the same name.
    if not filecmp.cmp(copy, target, shallow=False):
        return 0
    freed = copy.stat().st_size if target.stat().st_ino != copy.stat().st_ino else 0
    copy.unlink()
    return freed


def _place(copy: Path, target: Path) -> None:
    """Give an array its shared name: as a link, or as a copy where the file system has no links."""
    try:
        os.link(copy, target)
        return
    except FileExistsError:
        return
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
    temporary = temporary_path(target)
    try:
        shutil.copyfile(copy, temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
