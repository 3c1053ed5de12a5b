"""Atomic writes of files and folders, checksums, and a lock file."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import io
import json
import os
import re
import shutil
import socket
import threading
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.machine import file_system_time

HEARTBEAT = 5.0
"""Seconds between two updates of a lock file by its holder."""

PATIENCE = 60.0
"""Seconds without an update after which the holder of a lock on another machine is considered dead."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file completely or not at all; once written, it survives a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
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


_CHECKED = b"wee sha256 "


def write_checked(path: Path, content: bytes) -> None:
    """Write a file atomically, with a checksum in front of its content; `read_checked` reads it."""
    write_atomically(path, _CHECKED + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_checked(path: Path) -> bytes:
    """Read the content of a file that `write_checked` has written.

    Raises:
        ValueError: the content is not what was written.
    """
    written = path.read_bytes()
    first, _, content = written.partition(b"\n")
    if first != _CHECKED + hashlib.sha256(content).hexdigest().encode():
        raise ValueError("its checksum differs")
    return content


def _machine() -> str:
    """Return a name of this machine, as far as numbers of processes are concerned, as 8 hexadecimal digits.

    Containers and machines may share a host name. On Linux, the boot and the namespace of processes distinguish them: where
    both are the same, a number of a process means the same process, and a number that is not known is that of a dead process.
    """
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


MACHINE = _machine()
"""The name of this machine in the names of temporary files, and in locks."""

ABANDONED = 86400.0
"""Age in seconds from which a temporary file is removed of which it is not known whether its process is alive."""

LEFT_BEHIND = re.compile(
    r"\.(?P<name>.+)\.(?P<machine>[0-9a-f]{8})(-(?P<process>\d+)-[0-9a-f]{8})?\.(?P<ending>tmp|dead|aside)"
)
"""Names of temporary files and folders, of locks of dead processes, and of files that were set aside to be removed, which a
killed process leaves beside the path `name`."""


def temporary_path(path: Path) -> Path:
    """Return a temporary path beside a final path, after removing those that killed processes have left.

    Its name has the machine and the process. Files of processes of other machines and containers are removed when they have not
    changed for a day.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        named = LEFT_BEHIND.fullmatch(left.name)
        if named is None or named["name"] != path.name:
            continue
        dead = is_dead(left)
        if dead or (dead is None and _is_abandoned(left)):
            remove(left)
    return path.with_name(f".{path.name}.{MACHINE}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")


def aside_path(path: Path) -> Path:
    """Return a path to which a file is moved before it is removed. A file there may still be in use, unlike a temporary one."""
    return temporary_path(path).with_suffix(".aside")


def is_dead(left: Path) -> bool | None:
    """Return whether the process of a temporary file is dead; None if that is not known."""
    named = LEFT_BEHIND.fullmatch(left.name)
    if named is None or named["machine"] != MACHINE or named["process"] is None:
        return None
    return not _alive(int(named["process"]))


def _is_abandoned(left: Path) -> bool:
    """Return whether a file or folder has not changed for long, by the clock of its file system."""
    try:
        changed = max(path.lstat().st_mtime for path in (left, *left.rglob("*")))
        return file_system_time(left.parent) - changed > ABANDONED
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as possible; do nothing if there is none."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def write_json(path: Path, content: Any) -> None:
    """Write plain data as JSON, atomically."""
    write_atomically(path, json.dumps(content, indent=1) + "\n")


NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exceeded quota, and an exceeded limit on the size of a file."""


def explain(error: OSError) -> str:
    """Return the message of an error of the operating system: what failed, the file, and what to do about a full disk."""
    words = error.strerror or str(error)
    if error.filename is not None:
        words += f": {os.fsdecode(error.filename)}"
    if error.errno in NO_SPACE:
        words += (
            ". There is not enough space; make some: what was finished is kept, and the same command goes on from there"
        )
    return words


_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


@contextlib.contextmanager
def needing_space(folder: Path, size: int, kept: str) -> Iterator[None]:
    """Turn the error of a disk that becomes full inside the `with` block into one that says how much space is needed.

    Args:
        folder: the folder where files are written.
        size: the number of bytes that they need.
        kept: a sentence that says what is kept and how to continue.

    Raises:
        WeeError: the disk is full, or a quota or a limit on the size of a file is exceeded.
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

    Writing to a mapped file without space on a full disk ends the process with a signal (SIGBUS) and no message. If the
    system cannot reserve space, zeros are written.

    Args:
        file: the file, open for writing; everything beyond its current position becomes zeros.
        size: the final size of the file in bytes.

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
    os.fsync(file.fileno())  # some file systems allocate space only now


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy.

    `np.save` into a file raises an OSError without an error number if the disk is full; this function keeps the number.

    Raises:
        OSError: the file cannot be written; the error number says why.
    """
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    path.write_bytes(content.getbuffer())


CHUNK = 2**22
"""Number of bytes that each checksum covers."""


def checksums_of(content: bytes) -> list[int]:
    """Return the CRC-32 of every chunk of `CHUNK` bytes."""
    return [zlib.crc32(memoryview(content)[start : start + CHUNK]) for start in range(0, len(content), CHUNK)]


def checksums(path: Path) -> list[int]:
    """Return the CRC-32 of every chunk of `CHUNK` bytes of a file."""
    with path.open("rb") as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(CHUNK), b"")]


def commit_folder(temporary: Path, folder: Path, durable: bool = True) -> bool:
    """Rename a finished folder to its final path atomically; keep a folder that is there already.

    Args:
        temporary: the finished folder, on the same file system; it does not exist afterwards.
        folder: its final path.
        durable: whether its files must survive a loss of power, which takes milliseconds for each file.

    Returns:
        Whether the folder was renamed; False if another was there first, and then `temporary` is deleted.
    """
    for path in temporary.rglob("*"):
        if durable and path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.rename(folder)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) and not folder.is_dir():
            raise
        shutil.rmtree(temporary)
        return False
    return True


def replace_folder(temporary: Path, folder: Path) -> bool:
    """Rename a finished folder to its final path, in place of one that is there; see `commit_folder`.

    Returns:
        Whether the folder was renamed; False if another process made one meanwhile, and then `temporary` is deleted.
    """
    replaced = temporary_folder(folder)
    if folder.exists():
        folder.rename(replaced / folder.name)
    committed = commit_folder(temporary, folder)
    shutil.rmtree(replaced)
    return committed


def temporary_folder(folder: Path) -> Path:
    """Create and return a temporary folder in the parent of its final path `folder`."""
    temporary = temporary_path(folder)
    temporary.mkdir(parents=True)
    return temporary


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Create a temporary folder in which the content of `folder` is made inside the `with` block.

    The block ends by giving the temporary folder its final name (`commit_folder`, `replace_folder`). If it fails, the
    temporary folder is removed.
    """
    temporary = temporary_folder(folder)
    try:
        yield temporary
    finally:
        remove(temporary)


_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""Errors of file systems on which a file cannot have a second name."""


def lock_path(path: Path) -> Path:
    """Return the path of the lock beside a file or folder."""
    return path.with_name(f"{path.name}.lock")


class Lock:
    """A lock file that also works on network file systems.

    It exists while it is held, and its holder keeps refreshing its modification time, so that a stale lock can be recognised.

    It only avoids duplicate work: results are committed by an atomic rename, so that even two simultaneous holders cannot
    damage them.

    Args:
        path: the path of the lock file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._token = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}:{MACHINE}"
        self._held = False
        self._stop = threading.Event()
        # Another holder's token, the file's modification time, and when this process first saw both.
        self._seen: tuple[str, float, float] | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free or its holder is dead, without waiting. Safe to call more than once.

        Returns:
            Whether this object holds the lock.
        """
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
        """Release the lock."""
        self._stop.set()
        self._held = False
        if self._read() == self._token:
            self.path.unlink(missing_ok=True)

    def acquire_soon(self, every: float = 1.0) -> bool:
        """Take the lock; if it may be that of a dead holder, wait as long as it takes to find out.

        A holder on this machine is known to be alive or dead at once. One on another machine, in another container, or
        from before a restart of this machine counts as dead if it has not refreshed its lock for `PATIENCE`.

        Args:
            every: the time between two attempts, in seconds.

        Returns:
            Whether this object holds the lock.
        """
        until = time.monotonic() + PATIENCE + 2 * every
        while not self.acquire():
            if not self.elsewhere or time.monotonic() > until:
                return False
            time.sleep(every)
        return True

    @property
    def elsewhere(self) -> bool:
        """Whether the holder is not known to be a process of this machine; it is alive as long as it refreshes its lock."""
        return self.path.exists() and not _is_here(self._read())

    def is_stale(self) -> bool:
        """Return whether the lock is that of a dead process, as far as that is known without waiting; takes nothing."""
        return self._dead() is not None

    def holder(self) -> str:
        """Return the process and the machine that hold the lock, for messages."""
        host, _, rest = self._read().partition(":")
        return f"process {rest.partition(':')[0]} on {host}" if host else "an unknown process"

    @contextlib.contextmanager
    def waiting(self, every: float = 0.5) -> Iterator[None]:
        """Wait for the lock, and hold it inside the `with` block.

        Args:
            every: the time between two attempts, in seconds.
        """
        while not self.acquire():
            time.sleep(every)
        try:
            yield
        finally:
            self.release()

    def clear(self, *others: Path) -> None:
        """Remove what a killed process has left of finished work: its lock, and other files or folders.

        Does nothing if there is nothing, or if another process holds the lock.

        Args:
            others: paths of what only unfinished work needs.
        """
        if not any(path.exists() for path in (self.path, *others)):
            return
        with contextlib.suppress(OSError):  # a folder that cannot be written to is left as it is
            if self.acquire():
                for path in others:
                    remove(path)
                self.release()

    def _create(self) -> bool:
        """Create the lock file with its token; return whether there was none.

        The file appears with its content, so that a process which is killed here leaves no lock without a holder.
        """
        if os.path.lexists(self.path):
            return False
        temporary = temporary_path(self.path)
        try:
            temporary.write_text(self._token)
            os.link(temporary, self.path)
        except FileExistsError:  # or a network file system has repeated a request whose answer was lost
            return self._read() == self._token
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:  # such as a full disk
                raise
            return self._create_in_place()
        finally:
            remove(temporary)
        return True

    def _create_in_place(self) -> bool:
        """Do the same on a file system without hard links, where the file is empty for a moment."""
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(self._token)
        except OSError:  # the disk is full
            remove(self.path)
            raise
        return True

    def _read(self) -> str:
        try:
            return self.path.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _dead(self) -> str | None:
        """Return the holder's token if the holder is dead, else None."""
        token = self._read()
        if _is_here(token):
            process = token.split(":")[1]
            if process.isdigit() and not _alive(int(process)):
                return token
        # Has the file been touched since the last call? Other machines' clocks may differ, so only the local clock is used.
        try:
            touched = self.path.stat().st_mtime
        except FileNotFoundError:
            return None
        if self._seen is None or self._seen[:2] != (token, touched):
            self._seen = (token, touched, time.monotonic())
        return token if time.monotonic() - self._seen[2] > PATIENCE else None

    def _break(self, dead: str) -> None:
        """Remove a dead holder's lock. If several processes try, one succeeds; a live lock removed by mistake is restored."""
        aside = temporary_path(self.path)  # if this process is killed here, whoever takes the lock next removes it
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(aside)
            if aside.read_text(errors="replace") != dead:
                self._restore(aside)
            aside.unlink()

    def _restore(self, aside: Path) -> None:
        """Put a live lock that was moved by mistake back, unless there is another one by now."""
        try:
            os.link(aside, self.path)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if not os.path.lexists(self.path):
                aside.rename(self.path)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                os.utime(self.path)


def each_acquired(locks: Iterable[Lock], every: float = 1.0) -> Iterator[Lock]:
    """Take locks one by one and yield each while it is held; it is released when the next one is asked for.

    Locks that may be those of dead processes of other machines come last. They are waited for together, for as long as it
    takes to find out (`PATIENCE`). Locks of live processes are left out.

    Args:
        locks: the locks.
        every: the time between two attempts, in seconds.

    Yields:
        Each lock that could be taken.
    """
    until, waiting = time.monotonic() + PATIENCE + 2 * every, list(locks)
    while waiting:
        still = []
        for lock in waiting:
            if lock.acquire():
                try:
                    yield lock
                finally:
                    lock.release()
            elif lock.elsewhere:
                still.append(lock)
        waiting = still if time.monotonic() < until else []
        if waiting:
            time.sleep(every)


def _is_here(token: str) -> bool:
    """Return whether a lock is that of a process of this machine, whose number is known here."""
    host, *rest = token.split(":")
    return host == socket.gethostname() and len(rest) == 3 and rest[-1] == MACHINE


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
