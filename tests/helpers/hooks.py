"""What tests of faults change in the process of a command, before it runs: its clock, its host, what it sees of a folder."""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from typing import Any

ENTRY = re.compile(r".+-[0-9a-f]{16}")
"""The name of the folder of an entry."""


def shifted_clock(seconds: float) -> None:
    """Shift the clock of this process, and of the files that it touches."""
    real, utime = time.time, os.utime
    time.time = lambda: real() + seconds

    def touch(path: Any, times: Any = None, *, ns: Any = None, **options: Any) -> None:
        if times is None and ns is None:
            now = time.time()
            utime(path, (now, now), **options)
        else:
            utime(path, times, **options) if ns is None else utime(path, ns=ns, **options)

    os.utime = touch  # type: ignore[assignment]


def jumping_clock(seconds: float) -> None:
    """Let the clock of this process jump by some seconds and back, at each second time that it is read."""
    real, reads = time.time, iter(range(10**12))
    shifted_clock(0.0)
    time.time = lambda: real() + seconds * (next(reads) % 2)


def on_another_host(name: str) -> None:
    """Run as a process of another host that dies as soon as it holds a lock and has begun."""
    socket.gethostname = lambda: name

    from wee.files import Lock

    acquire = Lock.acquire

    def acquire_and_die(self: Lock) -> bool:
        held = acquire(self)
        if held:
            os._exit(9)
        return held

    Lock.acquire = acquire_and_die  # type: ignore[method-assign]


def impatient(seconds: float) -> None:
    """Shorten the time after which the holder of a lock on another host counts as dead."""
    import wee.files

    wee.files.PATIENCE = seconds


def late_files(seconds: float) -> None:
    """Show files of other processes in the store only some time after they were written, as network file systems do."""
    glob, is_dir, rename = Path.glob, Path.is_dir, Path.rename
    own: set[str] = set()

    def renamed(self: Path, target: Any) -> Path:
        own.add(str(target))
        return rename(self, target)

    Path.rename = renamed  # type: ignore[method-assign]

    def visible(path: Path) -> bool:
        if str(path) in own:
            return True
        try:
            return time.time() - path.stat().st_ctime >= seconds
        except OSError:
            return False

    Path.glob = lambda self, pattern, **options: (  # type: ignore[method-assign, assignment]
        path for path in glob(self, pattern, **options) if "store" not in path.parts or visible(path)
    )
    Path.is_dir = lambda self, **options: (
        is_dir(self, **options)
        and (  # type: ignore[method-assign, assignment]
            "store" not in self.parts or not ENTRY.fullmatch(self.name) or visible(self)
        )
    )
