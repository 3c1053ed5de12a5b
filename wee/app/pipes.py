"""Output into a pipe whose reader may stop early, as in `wee sweep | head`.

When the reader has closed the pipe, the rest of the output is dropped and the work goes on, so that everything is saved. The
process then ends quietly with `CLOSED`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

CLOSED = 141
"""The exit status after output was dropped: 128 + 13, which shells report for a program that was ended by SIGPIPE."""

_dropped: set[str] = set()


@contextlib.contextmanager
def dropping(stream: TextIO) -> Iterator[None]:
    """Drop what a stream is given inside the `with` block, and from then on, if it is a pipe that its reader has closed."""
    try:
        yield
    except BrokenPipeError:
        drop(stream)


def drop(stream: TextIO) -> None:
    """Drop everything that a stream is given from now on, and what it still holds in its buffer."""
    _dropped.add(stream.name)
    with contextlib.suppress(OSError, ValueError):  # a stream that is not a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def write(text: str) -> None:
    """Write text to the standard output."""
    with dropping(sys.stdout):
        sys.stdout.write(text)
        sys.stdout.flush()


def end() -> None:
    """Write what the standard streams hold in their buffers; end the process with `CLOSED` if output was dropped."""
    for stream in (sys.stdout, sys.stderr):
        with dropping(stream):
            stream.flush()
    if _dropped:
        sys.exit(CLOSED)
