"""The machine: its processors and how torch's threads share them, its folders and clocks. Imports nothing heavy."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath

THREADS = "OMP_NUM_THREADS"
"""The environment variable with which users set the number of threads of a process."""

AT_ONCE = "WEE_JOBS_AT_ONCE"
"""The environment variable of a launcher's jobs that says how many of them share this machine."""

_SPINNING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

SPINS, SHARED_SPINS = "1000", "300"
"""How often an idle OpenMP thread checks for work before it sleeps: on a free machine, and next to other jobs."""


def bound_spinning() -> None:
    """Make idle OpenMP threads sleep early, unless the user has configured how they wait. No effect once torch is loaded.

    Threads of one process wait for each other several thousand times a second. GNU's OpenMP, which torch's packages for
    Linux use, lets them spin 300,000 times before they sleep. Spinning threads keep the processors from a second process,
    whose threads do the same, and both processes become many times slower than if they ran in turn. One training alone is
    as fast with 1,000 spins; two in parallel are faster still with 300, with which one alone is slower. Results do not
    depend on it.
    """
    if not any(name in os.environ for name in _SPINNING):
        least = max(1, (os.cpu_count() or 1) // 2)
        shared = (_others_running(looks=3, pause=0.003) or 0) >= least
        os.environ["GOMP_SPINCOUNT"] = SHARED_SPINS if shared else SPINS


_share: list[int] = []
"""The number of processors that this process may use at most, if it shares those of its command with other processes."""


def use_at_most(count: int) -> None:
    """Limit the number of processors that `processors` returns in this process.

    Args:
        count: the share of this process, in processors; 1 or more.
    """
    _share[:] = [count]


def processors(root: Path = Path("/")) -> int:
    """Return the number of processors that this process may use; 1 or more.

    It is the minimum of its CPU affinity, the CPU quota of its control groups (containers), SLURM_CPUS_PER_TASK, and the
    share that `use_at_most` has set.
    SLURM_CPUS_ON_NODE is ignored, because all tasks of a job on the machine share it.

    Args:
        root: the root of the file system that describes the control groups.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not available on every system
        count = os.cpu_count() or 1
    share = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if share.isdecimal():
        count = min(count, int(share))
    quota = _quota(root)
    return max(1, min([count, *_share, *([] if quota is None else [math.ceil(quota)])]))


def jobs_at_once() -> int:
    """Return how many jobs share this machine with this one, itself included: those of a launcher that runs several at once."""
    count = os.environ.get(AT_ONCE, "")
    return max(1, int(count)) if count.isdecimal() else 1


def processor_name(root: Path = Path("/")) -> str:
    """Return the name of the processor, such as "AMD EPYC 7B13"; the machine type if the system does not report it.

    Args:
        root: the root of the file system that describes the processors.
    """
    try:
        for line in (root / "proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    except OSError:  # not available on every system
        pass
    import platform  # here, because `import wee` imports this module

    return platform.processor() or platform.machine() or "unknown"


def busy() -> float | None:
    """Return the load of this machine if other processes keep all its processors busy, else None.

    The load average includes processes that have just ended, so the threads that run now are counted too. Return None on
    systems without this information (other than Linux).

    Returns:
        The load average of the last minute.
    """
    count = os.cpu_count() or 1
    try:
        load = float(Path("/proc/loadavg").read_text().split()[0])
    except (OSError, ValueError):
        return None
    if load < count:
        return None
    return load if (_others_running(looks=5, pause=0.02) or 0) >= count else None


def _others_running(looks: int, pause: float) -> int | None:
    """Return how many other threads of the machine run or wait for a processor, as the median of several samples.

    Args:
        looks: the number of samples.
        pause: the time between two samples, in seconds.

    Returns:
        The number of threads; None if the system does not report it.
    """
    others = []
    for look in range(looks):
        time.sleep(pause if look else 0)
        try:
            running = Path("/proc/loadavg").read_text().split()[3]
            others.append(int(running.partition("/")[0]) - 1)
        except (OSError, ValueError, IndexError):
            return None
    return sorted(others)[looks // 2]


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Set the number of torch's threads for an operation inside the `with` block."""
    import torch

    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


@lru_cache
def _quota(root: Path) -> float | None:
    """Return the CPU quota of this process's control groups (v1 or v2), in processors; None for no limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    mounted, limits = root / "sys/fs/cgroup", []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        groups = PurePosixPath(path).parts[1:]
        # The limit of an outer group applies to inner groups too; in a container, the mounted root may be the group itself.
        for top in (mounted, mounted / (controllers or "unified"), mounted / "cpu"):
            limits += [_limit(top.joinpath(*groups[:depth])) for depth in range(len(groups) + 1)]
    least = min(limits, default=math.inf)
    return None if least == math.inf else least


def _limit(group: Path) -> float:
    """Return the CPU quota of one control group, in processors; infinity for no limit."""
    try:
        if (group / "cpu.max").is_file():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else math.inf
    except (OSError, ValueError):  # no such group or controller, or "max"
        return math.inf


def nearest_folder(folder: Path) -> Path:
    """Return a folder, or the nearest folder above it that exists."""
    return next((path for path in (folder, *folder.absolute().parents) if path.is_dir()), Path("/"))


def file_system_time(folder: Path) -> float:
    """Return the time by the clock of a folder's file system, which may be another machine's, in seconds since the epoch.

    Raises:
        OSError: the folder cannot be written to.
    """
    import tempfile  # here, because `import wee` imports this module

    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b".")
        file.flush()
        return os.fstat(file.fileno()).st_mtime
