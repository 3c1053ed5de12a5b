"""Signals that ask a job to stop, answered where nothing is half done.

A scheduler announces a time-out or a preemption by a signal, some time before it kills the job. Answered at once, it could
interrupt an optimiser step, whose result would be lost. Long loops therefore run inside `deferred`, and answer signals
between two steps, when they have saved what they did. Outside such loops, signals are answered at once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Answer = Callable[[], None]


class Leaving(BaseException):
    """The process ends now, and its job is started again later. Not an error, so that no handler of errors stops it.

    Attributes:
        code: the exit code of the process.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"leaving with exit code {code}")
        self.code = code


class Stopped(BaseException):
    """The process ends now, and its job is not started again; the message says why."""


def _interrupt() -> None:
    raise KeyboardInterrupt


_DEFAULT: Mapping[int, Answer] = {signal.SIGTERM: _interrupt}
"""Answers in a process that no scheduler started: SIGTERM is like Ctrl-C."""

_answers: dict[int, Answer] = {}
"""Answers to signals while a scheduler's job runs in this process, by signal."""

_pending: list[int] = []
_depth = 0


def answer_with(answers: Mapping[int, Answer]) -> None:
    """Set how this process answers signals from now on: at once, or inside `deferred` at the next `answer`.

    Args:
        answers: what is done for each signal.
    """
    _answers.clear()
    _answers.update(answers)
    for number in answers:
        signal.signal(number, _receive)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Keep signals until `answer` is called. Those that were not answered inside the `with` block are answered at its end."""
    global _depth
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (_answers or _DEFAULT)}
    _depth += 1
    take_signals()
    try:
        yield
    finally:
        _depth -= 1
        for number, handler in before.items():
            signal.signal(number, handler)
    if not _depth:
        answer()


def take_signals() -> None:
    """Receive the signals again that a library has taken over inside `deferred`, as Lightning does when it starts."""
    if _depth and threading.current_thread() is threading.main_thread():
        for number in _answers or _DEFAULT:
            signal.signal(number, _receive)


def asked() -> bool:
    """Return whether a signal waits to be answered: time to save what was done."""
    return bool(_pending)


def answer() -> None:
    """Answer the signals that have been received. Call it where nothing is half done.

    Raises:
        Leaving: the job ends here, and starts again later.
        Stopped: the job ends here for good.
        KeyboardInterrupt: a process that no scheduler started was asked to terminate.
    """
    while _pending:
        number = _pending.pop(0)
        (_answers or _DEFAULT).get(number, _interrupt)()


def _receive(number: int, frame: Any) -> None:
    if number not in _pending:
        _pending.append(number)
    if not _depth:
        answer()
