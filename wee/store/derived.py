"""Small arrays that were computed from entries, kept in the store and keyed by what they were computed from.

All of them can be computed again from the entries, and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.files import (
    NO_SPACE,
    Lock,
    checksums,
    checksums_of,
    commit_folder,
    lock_path,
    save_array,
    staged,
)
from wee.identity import key_of
from wee.store.entry import MANIFEST

log = logging.getLogger("wee")

Arrays = dict[str, NDArray[Any]]

FOLDER = ".scores"
"""The folder of computed arrays below the root of the store."""

_CANNOT_WRITE = (errno.EROFS, errno.EACCES, errno.EPERM, *NO_SPACE)


class Derived:
    """A folder of computed arrays.

    Args:
        root: the root folder of the store in which the arrays are kept.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root) / FOLDER
        self._writable = True

    def get(self, name: str, identity: Mapping[str, Any], wanted: Collection[str]) -> Arrays | None:
        """Return kept arrays by name; None if there are none, or if they are damaged. Damaged arrays are removed.

        Args:
            name: a relative path that groups arrays, such as "digits/val".
            identity: what the arrays were computed from, as plain data.
            wanted: the names of the arrays.
        """
        folder = self._folder(name, identity)
        if not folder.is_dir():
            return None
        try:
            arrays = read_arrays(folder)
            if arrays.keys() != set(wanted):
                raise ValueError(f"it has {', '.join(arrays) or 'nothing'} in place of {', '.join(wanted)}")
            return arrays
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning(f"{folder} is damaged ({error}); it is computed again")
            shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            log.warning(f"{folder} cannot be read ({error}); it is computed again")
        return None

    def put(self, name: str, identity: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store arrays. Does nothing if arrays with this name and identity are stored already, or if the store is read-only.

        Args:
            name: what the arrays are about, as a path.
            identity: what the arrays were computed from, as plain data.
            arrays: the arrays, by name.
        """
        folder = self._folder(name, identity)
        if folder.is_dir():
            return
        with self._if_writable(), staged(folder) as temporary:
            for array_name, array in arrays.items():
                save_array(temporary / f"{array_name}.npy", array)
            files = {path.name: checksums(path) for path in sorted(temporary.iterdir())}
            (temporary / MANIFEST).write_text(json.dumps({"identity": dict(identity), "files": files}, indent=1) + "\n")
            commit_folder(temporary, folder, durable=False)  # arrays that a power loss damages are computed again

    @contextlib.contextmanager
    def turn(self, name: str, identity: Mapping[str, Any]) -> Iterator[None]:
        """Return a context in which only this process computes the arrays of an identity; other processes wait for it.

        Args:
            name: what the arrays are about, as a path.
            identity: what the arrays are computed from, as plain data.
        """
        lock = self._lock(name, identity)
        with contextlib.ExitStack() as stack:
            with self._if_writable():
                if not lock.acquire():
                    log.info(f"waiting for {lock.holder()}, which is scoring the same logits")
                stack.enter_context(lock.waiting())
            yield

    def end_turn(self, name: str, identity: Mapping[str, Any]) -> None:
        """Remove the lock of a killed process whose arrays are all there; see `turn`."""
        self._lock(name, identity).clear()

    def _lock(self, name: str, identity: Mapping[str, Any]) -> Lock:
        return Lock(lock_path(self._folder(name, identity)))

    @contextlib.contextmanager
    def _if_writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _CANNOT_WRITE and not isinstance(error, PermissionError):
                raise
            if self._writable:
                log.warning(f"{self.root} cannot be written to: scores are not kept for the next sweep ({error})")
            self._writable = False

    def _folder(self, name: str, identity: Mapping[str, Any]) -> Path:
        return self.root / f"{name}-{key_of(identity)}"


def read_arrays(folder: Path) -> Arrays:
    """Read the arrays in a folder of computed arrays, and compare them with their checksums.

    Raises:
        FileNotFoundError, ValueError, KeyError: the arrays are damaged.
        OSError: the arrays cannot be read.
    """
    arrays = {}
    for name, expected in json.loads((folder / MANIFEST).read_text())["files"].items():
        content = (folder / name).read_bytes()
        if checksums_of(content) != expected:
            raise ValueError(f"{name} is not what was written")
        arrays[name.removesuffix(".npy")] = np.load(io.BytesIO(content), allow_pickle=False)
    return arrays
