"""The list of all checks, and running them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wee.doctor.base import Check, Finding, Level, Surroundings, warning
from wee.doctor.folders import (
    check_checkout,
    check_data,
    check_folders,
    check_launchers,
    check_locks,
    check_store,
)  # fmt: skip
from wee.doctor.hardware import check_clock, check_devices, check_memory, check_processors
from wee.doctor.packages import check_extras, check_requirements, check_torch, check_versions
from wee.doctor.probe import Probe

CHECKS = (
    Check("versions", "Versions", "versions of wee, Python and packages", check_versions),
    Check("requirements", "Requirements", "whether installed packages fit together", check_requirements),
    Check("torch", "torch and torchvision", "whether they fit together and can be imported", check_torch, slow=True),
    Check("devices", "Devices", "GPUs, their memory, and whether torch can use them", check_devices, slow=True),
    Check("processors", "Processors", "processors, threads and load", check_processors),
    Check("memory", "Memory", "memory and how much of it is free", check_memory),
    Check("folders", "Folders", "whether paths.* can be written to, and free space", check_folders),
    Check("store", "Store", "entries, and damage that shows (full=true reads everything)", check_store),
    Check("locks", "Locks", "locks of dead processes", check_locks),
    Check("data", "Data sets", "which known data sets are there", check_data),
    Check("extras", "Optional parts", "which extras are installed", check_extras),
    Check("launchers", "Launchers", "what can start many jobs: joblib, SLURM", check_launchers),
    Check("clock", "Clock", "clocks of the machine and of the file system", check_clock),
    Check("checkout", "Checkout", "the commit that wee runs from", check_checkout),
)
"""Every check, in the order of the report. A further one is a function and a line here."""

Report = dict[str, list[Finding]]
"""What checks have found, by name, in the order of the report."""


def examine(
    paths: Mapping[str, str], conf: Sequence[Path], full: bool, timeout: float, only: Sequence[str] = ()
) -> Report:
    """Run checks. torch is imported in another process meanwhile.

    Args:
        paths: the folders of the config, by name.
        conf: the folders of configs.
        full: whether to take the time to read everything.
        timeout: the time that importing torch may take, in seconds.
        only: names of checks to run; empty for all.
    """
    chosen = [check for check in CHECKS if not only or check.name in only]
    found: Report = {check.name: [] for check in chosen}
    surroundings = Surroundings(paths, tuple(conf), full, Probe(full, timeout))
    if any(check.slow for check in chosen):
        surroundings.probe.start()
    for check in sorted(chosen, key=lambda check: check.slow):
        found[check.name] = _run(check, surroundings)
    surroundings.probe.close()
    return found


def _run(check: Check, surroundings: Surroundings) -> list[Finding]:
    """Run a check; whatever goes wrong in it is a finding."""
    findings: list[Finding] = []
    try:
        findings.extend(check.run(surroundings))
    except ImportError as error:
        findings.append(
            warning(f"this could not be looked at: {error}", "see the findings about requirements and versions first")
        )
    except Exception as error:
        findings.append(
            warning(
                f"this could not be looked at ({type(error).__name__}: {error})", "please report this as a bug of wee"
            )
        )
    return findings


def count(report: Report, level: Level) -> int:
    """Return how many findings of a level there are."""
    return sum(finding.level == level for findings in report.values() for finding in findings)
