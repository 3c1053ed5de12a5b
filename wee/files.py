"""Writing files so that a reader never sees half of one, and taking turns at it."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import socket
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError

HEARTBEAT = 5.0
"""Seconds between two signs of life of a lock's holder."""

PATIENCE = 60.0
"""Seconds without a sign of life after which a holder is taken for dead, where its machine is not ours to ask."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all, and survive a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_json(path: Path, content: Any) -> None:
    """Write plain data as JSON, atomically."""
    write_atomically(path, json.dumps(content, indent=1) + "\n")


NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system answers on a full disk, beyond a quota, and beyond a limit on the size of a file."""

_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


@contextlib.contextmanager
def needing_space(folder: Path, size: int, kept: str) -> Iterator[None]:
    """Report a disk that is full, while something is written inside, as an error that says how much space is needed.

    Args:
        folder: where files are written.
        size: bytes that they need.
        kept: a sentence that says what is not lost and how to go on.

    Raises:
        WeeError: the disk is full, or a quota or limit of file sizes is reached.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        free = shutil.disk_usage(folder).free
        raise WeeError(
            f"there is not enough space in {folder} ({os.strerror(error.errno)}): {size:,} bytes are needed and "
            f"{free:,} are free. {kept}"
        ) from None


def reserve(file: IO[bytes], size: int) -> None:
    """Give a file its full size on disk before it is mapped into memory and written.

    Where a mapped file has no space on the disk yet and the disk is full, writing to it ends the process by a signal
    (SIGBUS) without a message. Where the system cannot reserve space, zeros are written.

    Args:
        file: open for writing; what lies beyond its present position becomes zeros.
        size: bytes that the whole file will have.

    Raises:
        OSError: there is not enough space.
    """
    file.flush()
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in _CANNOT_RESERVE:
                raise
        else:
            return
    while (rest := size - file.tell()) > 0:
        file.write(bytes(min(rest, CHUNK)))
    file.flush()
    os.fsync(file.fileno())  # some file systems look for space only now


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy.

    (`np.save` into a file raises an OSError without an error number where the disk is full.)

    Raises:
        OSError: it cannot be written; the error number says why.
    """
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    path.write_bytes(content.getbuffer())


CHUNK = 2**22
"""Bytes that share a checksum."""


def checksums_of(content: bytes) -> list[int]:
    """The CRC-32 of every `CHUNK` bytes."""
    return [zlib.crc32(memoryview(content)[start : start + CHUNK]) for start in range(0, len(content), CHUNK)]


def checksums(path: Path) -> list[int]:
    """The CRC-32 of every `CHUNK` bytes of a file."""
    with path.open("rb") as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(CHUNK), b"")]


def commit_folder(temporary: Path, folder: Path, durable: bool = True) -> bool:
    """Make a finished folder appear under its name in one step; give way to one that is there already.

    Args:
        temporary: the finished folder, beside or below the place; gone afterwards.
        folder: where it is to appear.
        durable: whether its files have to survive a loss of power, which takes milliseconds for each file.

    Returns:
        Whether it appeared; False if another was there first.
    """
    for path in temporary.rglob("*"):
        if durable and path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(temporary)
        return False
    return True


def temporary_folder(folder: Path) -> Path:
    """A new folder beside the place where it is to appear."""
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    temporary.mkdir(parents=True)
    return temporary


class Lock:
    """A lock file that works on shared folders: it is there or not, and its holder keeps touching it.

    Its one use is to spare double work. What it guards is committed by renaming, so that even two holders at once
    could not spoil each other's results.

    Args:
        path: of the lock file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._token = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        self._held = False
        self._stop = threading.Event()
        self._seen: tuple[str, float, float] | None = None  # another's token, its mtime, when we first saw that

    def acquire(self) -> bool:
        """Take the lock if nobody holds it, or if its holder is dead; never waits. Twice is as good as once."""
        if self._held:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._create():
            dead = self._dead()
            if dead is None:
                return False
            self._break(dead)
            if not self._create():
                return False
        self._held = True
        self._stop.clear()
        threading.Thread(target=self._beat, daemon=True).start()
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._stop.set()
        self._held = False
        if self._read() == self._token:
            self.path.unlink(missing_ok=True)

    def holder(self) -> str:
        """Who holds the lock, for messages: a machine and a process."""
        host, _, rest = self._read().partition(":")
        return f"process {rest.partition(':')[0]} on {host}" if host else "nobody"

    @contextlib.contextmanager
    def waiting(self, every: float = 0.5) -> Iterator[None]:
        """Hold the lock inside a `with`, waiting for it first."""
        while not self.acquire():
            time.sleep(every)
        try:
            yield
        finally:
            self.release()

    def _create(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w") as file:
            file.write(self._token)
        return True

    def _read(self) -> str:
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return ""

    def _dead(self) -> str | None:
        """The holder's token if it is dead."""
        token = self._read()
        host, _, rest = token.partition(":")
        if host == socket.gethostname():
            process = rest.partition(":")[0]
            if process.isdigit() and not _alive(int(process)):
                return token
        # Has the file been touched while we watched? (Other machines' clocks may differ, so ours alone counts.)
        try:
            touched = self.path.stat().st_mtime
        except FileNotFoundError:
            return None
        if self._seen is None or self._seen[:2] != (token, touched):
            self._seen = (token, touched, time.monotonic())
        return token if time.monotonic() - self._seen[2] > PATIENCE else None

    def _break(self, dead: str) -> None:
        """Remove a dead holder's lock. Of several who try, one succeeds; a live lock taken by mistake is put back."""
        aside = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:8]}.dead")
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(aside)
            if aside.read_text() != dead:
                with contextlib.suppress(FileExistsError):
                    os.link(aside, self.path)
            aside.unlink()

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                os.utime(self.path)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
