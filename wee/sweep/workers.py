"""Processes that share the computation of a sweep, with results identical to those of one process.

The work is prepared in one process: logits are scored there, once. It is then computed in units, each of which is some
settings of one lineup. Units do not depend on each other, so that any process can compute any unit, and results are put in
the order of the units. Forked processes inherit the prepared work; processes that are started afresh (on systems other than
Linux, where forking is not safe) map its arrays from a temporary file.
"""

from __future__ import annotations

import gc
import logging
import mmap
import multiprocessing
import pickle
import signal
import sys
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from wee.errors import WeeError
from wee.machine import processors, use_at_most

START = "fork" if sys.platform == "linux" else "spawn"
"""How processes are started, as `multiprocessing` names it."""

UNITS = 32
"""Number of units for each process: enough that none waits long for the last one, and few enough to hand out quickly."""

AHEAD = 2
"""Number of units that a process has at a time, so that it does not wait for the next one. The last units are handed out one
by one, so that at the end no unit waits behind another while a process is idle."""

_ALIGNED = 64  # bytes

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


@dataclass(frozen=True)
class Unit:
    """What one process computes at a time.

    Attributes:
        lineup: the number of a lineup. A process computes units of one lineup in a row where it can, because they share
            sorted scores.
        start, stop: the range of the settings of the lineup, or of the validation sets, that are computed.
        points: the number of settings that are finished with the unit, for the progress bar.
    """

    lineup: int
    start: int
    stop: int
    points: int


class Work(Protocol[R_co]):
    """Prepared work that can be computed in units. It must be picklable, with large data in numpy arrays."""

    def compute(self, unit: Unit, done: Callable[[int], None]) -> R_co:
        """Compute one unit.

        Args:
            unit: the unit.
            done: called with the number of settings finished since the last call.

        Returns:
            The result, which must be picklable.
        """


def ranges(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges (start, stop) that divide 0 .. total - 1 into parts of a size; the last part may be smaller."""
    for start in range(0, total, size):
        yield start, min(start + size, total)


def compute_units(
    work: Work[R],
    units: Sequence[Unit],
    processes: int = 1,
    done: Callable[[int], None] = lambda points: None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[R]:
    """Compute units of work, in several processes if there are several units.

    Args:
        work: the prepared work.
        units: the units.
        processes: the number of processes.
        done: called with the number of settings finished since the last call.
        meanwhile: called in a thread while other processes compute; not called if there is one process.

    Yields:
        The result of each unit, in the order of the units.

    Raises:
        WeeError: a process was killed.
        BaseException: the error with which a unit failed, as if there were one process.
    """
    count = min(processes, len(units))
    if count < 2 or multiprocessing.current_process().daemon:  # a daemonic process cannot start others
        yield from (work.compute(unit, done) for unit in units)
        return
    with ExitStack() as stack:
        yield from _Team(work, units, count, stack).compute(done, meanwhile)


@dataclass
class _Worker:
    """Another process.

    Attributes:
        process: the process.
        connection: to it and from it.
        held: the numbers of the units that it has, in order.
        lineup: the lineup of its last unit; None at first.
    """

    process: BaseProcess
    connection: Connection
    held: deque[int] = field(default_factory=deque)
    lineup: int | None = None


class _Team(Generic[R]):
    """The processes that compute the units.

    Args:
        work: the prepared work.
        units: the units.
        count: the number of processes.
        stack: ends the processes, and removes temporary files, when it is closed.
    """

    def __init__(self, work: Work[R], units: Sequence[Unit], count: int, stack: ExitStack) -> None:
        self._units = units
        self._waiting: dict[int, deque[int]] = {}
        for number, unit in enumerate(units):
            self._waiting.setdefault(unit.lineup, deque()).append(number)
        source = work if START == "fork" else stack.enter_context(_Mapped.written(work))
        self._workers: list[_Worker] = []
        stack.callback(self._end)
        context: Any = multiprocessing.get_context(START)
        share = max(1, processors() // count)
        for _ in range(count):
            ours, theirs = context.Pipe()
            inherited = [*(worker.connection for worker in self._workers), ours] if START == "fork" else []
            process = context.Process(target=_serve, args=(theirs, inherited, source, share), daemon=True)
            with _signals_held():
                process.start()
                theirs.close()  # so that the end of the process is noticed
                self._workers.append(_Worker(process, ours))

    def compute(self, done: Callable[[int], None], meanwhile: Callable[[], None]) -> Iterator[R]:
        """Hand out all units, and yield their results in order."""
        results: dict[int, R] = {}
        for worker in self._workers * AHEAD:
            self._give(worker)
        aside = threading.Thread(target=meanwhile)
        aside.start()
        for number in range(len(self._units)):
            while number not in results:
                for worker in self._ready():
                    finished, result = self._take(worker)
                    results[finished] = result
                    done(self._units[finished].points)
                    self._give(worker)
            yield results.pop(number)
        aside.join()
        # They wait for work, and there is none; how long it takes to free their memory does not matter.
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        self._workers.clear()

    def _ready(self) -> list[_Worker]:
        ready = wait([worker.connection for worker in self._workers])
        return [worker for worker in self._workers if worker.connection in ready]

    def _give(self, worker: _Worker) -> None:
        """Hand a unit to a process: one of its lineup, else of one that no process works on, else of the longest.

        The last units are left for the processes that have none.
        """
        left = sum(map(len, self._waiting.values()))
        if not left or (worker.held and left <= AHEAD * len(self._workers)):
            return
        lineup = worker.lineup
        if lineup not in self._waiting:
            busy = {other.lineup for other in self._workers}
            lineup = max(self._waiting, key=lambda name: (name not in busy, len(self._waiting[name])))
        number = self._waiting[lineup].popleft()
        if not self._waiting[lineup]:
            del self._waiting[lineup]
        worker.lineup = lineup
        worker.held.append(number)
        with suppress(OSError):  # a killed process is noticed where its result is taken
            worker.connection.send(self._units[number])

    def _take(self, worker: _Worker) -> tuple[int, R]:
        """Return the next result of a process, and the number of its unit.

        Raises:
            WeeError: the process was killed.
            BaseException: the error with which the unit failed.
        """
        try:
            records, failure, result = pickle.loads(worker.connection.recv_bytes())
        except (EOFError, OSError):
            worker.process.join()
            raise WeeError(_loss(worker.process, len(self._workers))) from None
        for record in records:
            logging.getLogger(record.name).handle(record)
        if failure is not None:
            raise failure.error()
        return worker.held.popleft(), result

    def _end(self) -> None:
        """End the processes that are still at work."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.process.close()


def _loss(process: BaseProcess, count: int) -> str:
    """Return the message for a process that ended without a result."""
    code = process.exitcode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    advice = f"runtime.processes={count // 2 or 1} needs less memory"
    return (
        f"one of the {count} processes of this sweep (runtime.processes) {how}"
        + (f": the system does that if memory is short; {advice}" if code == -signal.SIGKILL else "")
        + ". No scores are lost: run the same command again"
    )


class _Records(logging.Handler):
    """Keeps log records, which the first process shows."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, without references to objects of this process."""
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self.kept.append(record)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""The signals for which a new process replaces the handlers that it has from the first one."""


@contextmanager
def _signals_held() -> Iterator[None]:
    """Return a context in which signals wait: here until its end, in a process that is started inside until `_serve` is ready.

    A signal could otherwise reach a new process while it still has the handlers of the first one, which would end it with a
    traceback at SIGINT, and keep it alive at SIGTERM.

    Signals are held in the calling thread alone, which is the only thread that the new process gets. Where the first process
    has other threads, one of these can receive a signal meanwhile, and its handler then runs in the main thread at once.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, inherited: Sequence[Connection], source: Any, share: int) -> None:
    """Compute units until the first process is gone or ends this one.

    Args:
        connection: to the first process.
        inherited: the ends of connections that belong to the first process; they are closed, so that its end is noticed.
        source: the prepared work, or the file with it.
        share: the number of processors that this process may use.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # a scheduler announces a job's end by them; the first one answers
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for end in inherited:
        end.close()
    gc.freeze()  # the collector does not touch, and so copy, what was inherited
    records = _records()
    use_at_most(share)
    if "torch" in sys.modules:  # threads of OpenMP do not survive a fork
        sys.modules["torch"].set_num_threads(1)
    work = source.open() if isinstance(source, _Mapped) else source
    with suppress(EOFError, OSError):
        while True:
            connection.send_bytes(_answer(work, connection.recv(), records.kept))


def _records() -> _Records:
    """Send what is logged in this process to a list, instead of to a terminal whose locks another thread may hold."""
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    for logger in (logging.getLogger(), *known):
        logger.handlers = []
    records = _Records()
    logging.getLogger().addHandler(records)
    wee = logging.getLogger("wee")
    wee.propagate = True
    wee.setLevel(min(wee.getEffectiveLevel(), logging.INFO))
    return records


def _answer(work: Work[Any], unit: Unit, records: list[logging.LogRecord]) -> bytes:
    """Return the pickled answer to a unit: what was logged, what failed, and the result."""
    try:
        return pickle.dumps((records, None, work.compute(unit, lambda points: None)), protocol=5)
    except (Exception, SystemExit) as error:
        return pickle.dumps((records, _Failure.of(error), None), protocol=5)
    finally:
        records.clear()


class _Elsewhere(Exception):
    """The traceback of another process, as text: the cause of an error that this process raises in its place."""


@dataclass(frozen=True)
class _Failure:
    """An error of another process, to be raised in this one with the same type and message.

    Attributes:
        name: the name of its type.
        message: its message.
        trace: its traceback, as text.
        pickled: the error itself; None if its type cannot be pickled without loss.
    """

    name: str
    message: str
    trace: str
    pickled: bytes | None

    @classmethod
    def of(cls, error: BaseException) -> _Failure:
        """Describe an error."""
        if isinstance(error, MemoryError):
            error = WeeError("a process of this sweep has not enough memory: runtime.processes=1 needs less")
        trace = "".join(traceback.format_exception(error)).strip()
        pickled = None
        with suppress(Exception):  # errors of plug-ins may take any arguments
            content = pickle.dumps(error)
            if str(pickle.loads(content)) == str(error):
                pickled = content
        return cls(type(error).__name__, str(error), trace, pickled)

    def error(self) -> BaseException:
        """Return the error; one of another type with the same name and message if it cannot be unpickled."""
        error: BaseException | None = None
        if self.pickled is not None:
            with suppress(Exception):
                error = pickle.loads(self.pickled)
        if error is None:
            error = type(self.name, (Exception,), {})(self.message)
        error.__cause__ = _Elsewhere(f"in another process of the sweep\n{self.trace}")
        return error


@dataclass(frozen=True)
class _Mapped:
    """Prepared work in a file, whose arrays are mapped by every process that opens it.

    Attributes:
        path: the file with the arrays.
        head: the pickled work without its arrays.
        spans: the first and the last byte of each array in the file.
    """

    path: Path
    head: bytes
    spans: Sequence[tuple[int, int]]

    @classmethod
    @contextmanager
    def written(cls, work: Work[Any]) -> Iterator[_Mapped]:
        """Return a context in which the work is in a temporary file."""
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(work, protocol=5, buffer_callback=buffers.append)
        with tempfile.TemporaryDirectory(prefix="wee-sweep-", ignore_cleanup_errors=True) as folder:
            path, spans = Path(folder) / "arrays", []
            with path.open("wb") as file:
                file.write(bytes(_ALIGNED))  # an empty file cannot be mapped
                for buffer in buffers:
                    start = file.tell()
                    file.write(buffer.raw())
                    spans.append((start, file.tell()))
                    file.write(bytes(-file.tell() % _ALIGNED))
            yield cls(path, head, spans)

    def open(self) -> Any:
        """Return the work. Changes to its arrays stay in this process."""
        with self.path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        return pickle.loads(self.head, buffers=[mapped[start:stop] for start, stop in self.spans])
