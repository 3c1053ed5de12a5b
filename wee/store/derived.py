"""What has been computed from entries, kept beside them: small arrays, keyed by what they were computed from.

Everything here can be made again from the entries, and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.files import Lock, checksums, checksums_of, commit_folder, temporary_folder, write_json
from wee.identity import key_of
from wee.store.entry import MANIFEST

log = logging.getLogger("wee")

Arrays = dict[str, NDArray[Any]]


class Derived:
    """A folder of computed arrays.

    Args:
        root: of the store beside whose entries they lie.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root) / ".scores"
        self._writable = True

    def get(self, name: str, identity: Mapping[str, Any]) -> Arrays | None:
        """Arrays by name; None where there are none, or where they are not what was written: then they are removed.

        Args:
            name: what they are about, as a path.
            identity: what they were computed from, as plain data.
        """
        folder = self._folder(name, identity)
        if not folder.is_dir():
            return None
        try:
            return _read(folder)
        except (OSError, ValueError, KeyError) as error:
            log.warning(f"{folder} is damaged ({error}); it is computed again")
            shutil.rmtree(folder, ignore_errors=True)
        return None

    def put(self, name: str, identity: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays; what is there already stays. Where the store cannot be written to, nothing is kept."""
        folder = self._folder(name, identity)
        with self._if_writable():
            if folder.is_dir():
                return
            temporary = temporary_folder(folder)
            for one, array in arrays.items():
                np.save(temporary / f"{one}.npy", array, allow_pickle=False)
            files = {path.name: checksums(path) for path in sorted(temporary.iterdir())}
            write_json(temporary / MANIFEST, {"identity": dict(identity), "files": files})
            commit_folder(temporary, folder)

    @contextlib.contextmanager
    def turn(self, name: str, identity: Mapping[str, Any]) -> Iterator[None]:
        """A `with` in which this process alone computes something: others wait for what comes of it."""
        with contextlib.ExitStack() as stack:
            with self._if_writable():
                stack.enter_context(Lock(self._folder(name, identity).with_suffix(".lock")).waiting())
            yield

    @contextlib.contextmanager
    def _if_writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not isinstance(error, PermissionError) and "Read-only" not in str(error):
                raise
            if self._writable:
                log.warning(f"{self.root} cannot be written to: scores are not kept for the next sweep ({error})")
            self._writable = False

    def _folder(self, name: str, identity: Mapping[str, Any]) -> Path:
        return self.root / f"{name}-{key_of(identity)}"


def _read(folder: Path) -> Arrays:
    """The arrays in a folder.

    Raises:
        OSError, ValueError, KeyError: they are not what was written.
    """
    arrays = {}
    for name, expected in json.loads((folder / MANIFEST).read_text())["files"].items():
        content = (folder / name).read_bytes()
        if checksums_of(content) != expected:
            raise ValueError(f"{name} is not what was written")
        arrays[name.removesuffix(".npy")] = np.load(io.BytesIO(content), allow_pickle=False)
    return arrays
