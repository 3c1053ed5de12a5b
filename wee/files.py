"""Writing files so that a reader never sees half of one, and taking turns at it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEARTBEAT = 5.0
"""Seconds between two signs of life of a lock's holder."""

PATIENCE = 60.0
"""Seconds without a sign of life after which a holder is taken for dead, where its machine is not ours to ask."""


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all, and survive a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with temporary.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write plain data as JSON, atomically."""
    write_atomically(path, json.dumps(content, indent=1) + "\n")


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
            if not self._dead():
                return False
            self._break()
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

    def _dead(self) -> bool:
        token = self._read()
        host, _, rest = token.partition(":")
        if host == socket.gethostname():
            process = rest.partition(":")[0]
            if process.isdigit() and not _alive(int(process)):
                return True
        # Has the file been touched while we watched? (Other machines' clocks may differ, so ours alone counts.)
        try:
            touched = self.path.stat().st_mtime
        except FileNotFoundError:
            return False
        if self._seen is None or self._seen[:2] != (token, touched):
            self._seen = (token, touched, time.monotonic())
        return time.monotonic() - self._seen[2] > PATIENCE

    def _break(self) -> None:
        """Remove a dead holder's lock. Of several who try, one succeeds; a live lock taken by mistake is put back."""
        dead = self._read()
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
