"""Checks of the machine: devices, processors, memory and clocks."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from wee.doctor.base import Finding, Surroundings, note, ok, warning
from wee.machine import THREADS, busy, file_system_time, nearest_folder, processor_name, processors
from wee.units import counted, in_bytes

LEAST_MEMORY = 2e9
"""Free memory below which large sweeps and trainings may be killed, in bytes."""

SKEW = 5.0
"""Difference of two clocks from which it is reported, in seconds."""


def check_devices(surroundings: Surroundings) -> Iterator[Finding]:
    """Report GPUs, and whether torch can use them."""
    probe = surroundings.probe
    torch, devices = probe.results.get("torch", {}), probe.results.get("devices")
    driver = nvidia_driver()
    if devices is None or "error" in devices:
        error = (devices or {}).get("error", "")
        if error:
            yield warning(
                f"torch cannot list devices: {error}",
                "use the CPU alone: train and evaluate take runtime.accelerator=cpu",
            )
        elif "version" in torch:
            yield warning(f"listing devices {probe.ending}", "the driver may hang: see whether nvidia-smi answers")
        else:
            yield note("devices are not known, because torch cannot be imported")
        return
    for number, device in enumerate(devices["cuda"]):
        yield ok(
            f"GPU {number}: {device['name']}, {in_bytes(device['memory'])} of memory, {in_bytes(device['free'])} free"
            + ("" if device["bf16"] else "; no bfloat16: use precision=32-true or 16-mixed"),
            driver=driver, **device,
        )  # fmt: skip
    if devices["mps"]:
        yield ok("Apple GPU (mps)")
    if devices["cuda"] or devices["mps"]:
        return
    if driver and not torch.get("cuda"):
        yield warning(
            f"this machine has an NVIDIA GPU (driver {driver}), but torch is a CPU build, which cannot use it",
            "install a CUDA build of torch and torchvision",
            "pip install --force-reinstall torch torchvision",
        )
    elif driver:
        yield warning(
            f"this machine has an NVIDIA GPU (driver {driver}), but torch (for CUDA {torch.get('cuda')}) cannot use it",
            "the driver may be too old for this CUDA, or CUDA_VISIBLE_DEVICES may hide the GPU "
            f"(it is {os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')})",
            "nvidia-smi",
        )
    else:
        yield ok("no GPU: everything runs on the CPU, which is enough for sweeps and for the demo", driver=None)


def nvidia_driver() -> str:
    """Return the version of the NVIDIA driver; empty if there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().splitlines()[0].strip() if done.returncode == 0 and done.stdout.strip() else ""


def check_processors(surroundings: Surroundings) -> Iterator[Finding]:
    """Report how many processors this process may use, and how many threads it starts."""
    total, usable = os.cpu_count() or 1, processors()
    limits = _limits(total, usable)
    text = f"{usable} of {counted(total, 'processor')} may be used{limits} ({processor_name()})"
    yield ok(text, processors=usable, machine=total)
    threads = os.environ.get(THREADS, "")
    if threads and not threads.isdecimal():
        yield warning(
            f"{THREADS} is {threads!r}, which is no number", "set it to a number, or unset it", f"unset {THREADS}"
        )
    elif threads and int(threads) > usable:
        yield warning(
            f"{THREADS} is {threads}, more than the {usable} processors that may be used: threads wait for each other",
            "set it to that number at most",
            f"export {THREADS}={usable}",
        )
    elif threads:
        yield ok(f"{THREADS} is {threads}", threads=int(threads))
    load = busy()
    if load is not None:
        yield warning(
            f"other processes keep all processors busy (load {load:.1f}): commands take longer, and measured times are wrong",
            "wait, or start jobs that share the machine with runtime.threads=1",
        )


def _limits(total: int, usable: int) -> str:
    if usable >= total:
        return ""
    share = os.environ.get("SLURM_CPUS_PER_TASK")
    reasons = ["the affinity of the process", "a container's quota", *(["SLURM_CPUS_PER_TASK"] if share else [])]
    return f" (limited by {' or '.join(reasons)})"


def check_memory(surroundings: Surroundings) -> Iterator[Finding]:
    """Report how much memory is there and free."""
    total, free = memory()
    if total is None or free is None:
        yield note("this system does not say how much memory is free")
        return
    text = f"{in_bytes(free)} of {in_bytes(total)} of memory are free"
    if free < LEAST_MEMORY:
        yield warning(
            text, "other programs need most of it; the system may kill a large command without a message", free=free
        )  # fmt: skip
    else:
        yield ok(text, total=total, free=free)


def memory(root: Path = Path("/")) -> tuple[float | None, float | None]:
    """Return the memory that this process may use and how much of it is free, in bytes; None if the system does not say.

    The limit of a container counts, if there is one.

    Args:
        root: the root of the file system that describes the memory.
    """
    try:
        lines = (line.split() for line in (root / "proc/meminfo").read_text().splitlines())
        known = {line[0].rstrip(":"): 1024.0 * float(line[1]) for line in lines if len(line) > 1}
        total, free = known["MemTotal"], known["MemAvailable"]
    except (OSError, KeyError, ValueError):
        return None, None
    for limit, used in (
        ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            most, current = float((root / limit).read_text()), float((root / used).read_text())
        except (OSError, ValueError):  # no such group, or "max"
            continue
        if most < total:
            total, free = most, min(free, max(0.0, most - current))
    return total, free


def check_clock(surroundings: Surroundings) -> Iterator[Finding]:
    """Compare the clock of this machine with that of the file system, which is another machine's on a network."""
    folder = nearest_folder(surroundings.folder("outputs"))
    try:
        before = time.time()
        written = file_system_time(folder)
        after = time.time()
    except OSError:
        yield note(f"the clock of the file system of {folder} is not known, because it cannot be written to")
        return
    skew = written - after if written > after else min(0.0, written - before)
    if abs(skew) > SKEW:
        yield warning(
            f"the file system's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's",
            "dates of entries and ages of leftovers are off by that; ask for time synchronisation (NTP) of the machines",
            skew=skew,
        )
    else:
        yield ok("the clocks of this machine and of the file system agree", skew=skew)
