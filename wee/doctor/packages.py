"""Checks of packages: what is installed, whether it fits together, and whether torch can be imported."""

from __future__ import annotations

import importlib.metadata as metadata
import importlib.util
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wee.doctor.base import Finding, Surroundings, note, ok, problem, warning

SHOWN = ("torch", "torchvision", "timm", "lightning", "torchmetrics", "hydra-core", "omegaconf", "numpy", "pandas")
"""The packages whose versions are always reported."""

TRIED_EARLY = {"hydra-core": "1.4", "omegaconf": "2.4"}
"""From which version on packages were tried with release candidates alone."""

UNTRIED = {"hydra-core": "1.5", "omegaconf": "2.5"}
"""From which version on packages have not been tried."""

LEAST_PYTHON = (3, 11)

_INDEX = "https://download.pytorch.org/whl"


def installed(name: str) -> str | None:
    """Return the version of an installed package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
    except Exception:  # metadata that cannot be read
        return None


def check_versions(surroundings: Surroundings) -> Iterator[Finding]:
    """Report the versions of Python and of the packages that matter most."""
    python = platform.python_version()
    if sys.version_info[:2] < LEAST_PYTHON:
        wanted = ".".join(map(str, LEAST_PYTHON))
        yield problem(
            f"Python is {python}, and wee needs {wanted} or newer",
            f"make the environment with Python {wanted} or newer",
        )
    versions = {name: installed(name) for name in SHOWN}
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    yield ok(
        f"wee {installed('wee') or '(not installed)'}, Python {python}, {known}",
        python=python, wee=installed("wee"), **{name: version for name, version in versions.items()},
    )  # fmt: skip
    yield from _checkout()
    for name, first in UNTRIED.items():
        version = versions.get(name) or "0"
        if _numbers(version) >= _numbers(first):
            yield warning(
                f"{name} {version} has not been tried with this wee, which may read configs differently with it",
                "install a version that has been tried",
                f"pip install '{name}<{first}'",
            )
        elif _numbers(version) >= _numbers(TRIED_EARLY[name]):
            yield note(
                f"{name} {version}: wee was tried with release candidates of {TRIED_EARLY[name]} only",
                "nothing; if a command fails with an error in configs, report it, and go back to the older version",
                f"pip install '{name}<{TRIED_EARLY[name]}'",
            )


def _checkout() -> Iterator[Finding]:
    """Compare where wee is imported from with where pip installed it."""
    here = Path(__file__).resolve().parents[2]
    try:
        text = metadata.distribution("wee").read_text("direct_url.json") or ""
    except metadata.PackageNotFoundError:
        yield warning(
            f"wee is imported from {here}, but is not installed: packages that it needs cannot be checked",
            "install it (in a checkout: make install)",
            "pip install --editable .",
        )
        return
    match = re.search(r'"url": *"file://([^"]*)"', text)
    if match and '"editable": true' in text and Path(match[1]).resolve() != here:
        yield warning(
            f"wee is imported from {here}, but pip installed it from {match[1]}: changes to one do not show in the other",
            "if that is not meant, unset PYTHONPATH, or install this checkout",
            "pip install --editable .",
        )


def check_requirements(surroundings: Surroundings) -> Iterator[Finding]:
    """Compare what installed packages require with what is installed, from wee downwards."""
    try:
        found = list(_unmet("wee"))
    except ImportError as error:
        yield problem(f"requirements cannot be checked ({error})", "install it", "pip install packaging")
        return
    except metadata.PackageNotFoundError:
        return  # reported with the versions
    for unmet in found:
        command = f"pip install '{unmet.requirement}'"
        if unmet.name == "torch" or unmet.by == "torchvision":
            continue  # reported with torch, in more detail
        if unmet.version is None:
            yield problem(f"{unmet.name} is missing; {unmet.by} needs it", "install it", command)
        else:
            level = problem if unmet.by == "wee" else warning
            yield level(
                f"{unmet.name} is {unmet.version}, but {unmet.by} needs {unmet.requirement}", "install that", command
            )
    if not found:
        yield ok("every package that wee needs is there, in a version that fits")


@dataclass(frozen=True)
class Unmet:
    """A requirement that is not met.

    Attributes:
        name: the package that is required.
        requirement: the requirement, as pip reads it.
        by: the package that requires it.
        version: the installed version; None if the package is missing.
    """

    name: str
    requirement: str
    by: str
    version: str | None


def _unmet(root: str, extra: str = "") -> Iterator[Unmet]:
    """Yield the requirements of a package, and of those it requires, that are not met."""
    seen, waiting = {root}, [(root, extra)]
    while waiting:
        package, extras = waiting.pop(0)
        for requirement in requirements(package, extras):
            version = installed(requirement.name)
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                plain = f"{requirement.name}{requirement.specifier}"
                yield Unmet(requirement.name, plain, package, version)
            elif requirement.name not in seen:
                seen.add(requirement.name)
                waiting.append((requirement.name, ""))


def requirements(package: str, extra: str = "") -> Iterator[Any]:
    """Yield the requirements of an installed package that apply here.

    Args:
        package: the name of the package.
        extra: the extra whose requirements are yielded; empty for those without an extra.

    Raises:
        ImportError: the package `packaging` is missing.
        PackageNotFoundError: the package is not installed.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    for text in metadata.requires(package) or []:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        marker = requirement.marker
        plain = marker is None or marker.evaluate({"extra": ""})
        if plain if not extra else (not plain and marker is not None and marker.evaluate({"extra": extra})):
            yield requirement


def check_extras(surroundings: Surroundings) -> Iterator[Finding]:
    """Report which optional parts of wee are installed."""
    try:
        extras = metadata.metadata("wee").get_all("Provides-Extra") or []
        missing = {extra: [r.name for r in requirements("wee", extra) if installed(r.name) is None] for extra in extras}
    except (ImportError, metadata.PackageNotFoundError):
        return
    complete = [extra for extra, names in missing.items() if not names]
    if complete:
        yield ok(f"installed: {', '.join(complete)}", installed=complete)
    absent = {extra: names for extra, names in missing.items() if names}
    if absent:
        listed = ", ".join(f"{extra} ({', '.join(names)} missing)" for extra, names in absent.items())
        yield note(
            f"not installed: {listed}", "nothing, unless you need one of them", f"pip install 'wee[{next(iter(absent))}]'",
            missing=absent,
        )  # fmt: skip


def check_torch(surroundings: Surroundings) -> Iterator[Finding]:
    """Report whether torch and torchvision fit together and can be imported."""
    probe = surroundings.probe
    torch, vision = probe.results.get("torch", {}), probe.results.get("torchvision", {})
    version = installed("torch")
    if version is None and "version" not in torch:
        yield problem(
            "torch is not installed: training, evaluation and calibration need it",
            "install it; on a machine without a GPU the CPU build is much smaller",
            f"pip install torch torchvision --index-url {_INDEX}/cpu",
            "pip install torch torchvision",
        )
        return
    if "error" in torch:
        yield problem(
            f"torch {version} is installed, but cannot be imported: {first_line(torch['error'])}",
            "install it again",
            reinstall("torch", str(version)),
        )
        return
    if probe.stopped_at == "torch":
        yield _unfinished("torch", str(version), surroundings)
        return
    build = f"CUDA {torch['cuda']}" if torch.get("cuda") else "CPU"
    yield ok(f"torch {torch['version']} ({build} build) can be imported", **torch)
    if probe.stopped_at == "torchvision":
        yield _unfinished("torchvision", installed("torchvision") or "", surroundings)
        return
    yield from torchvision_findings(
        Pair(
            str(torch["version"]), torch.get("cuda"), installed("torchvision") or vision.get("version"), vision_build(),
            required_torch(), str(vision.get("error", "")), bool(vision.get("repaired")),
        )
    )  # fmt: skip
    for name in probe.steps[3:]:
        result = probe.results.get(name, {})
        if "error" in result:
            yield problem(f"{name} cannot be imported: {first_line(result['error'])}", "see the findings above first")
        elif result:
            yield ok(f"{name} {result['version']} can be imported")


def _unfinished(name: str, version: str, surroundings: Surroundings) -> Finding:
    """Return the finding about a package whose import did not end, or ended the process."""
    ending = surroundings.probe.ending
    if "longer" in ending:
        return warning(
            f"importing {name} {version} {ending}",
            "the disk or the machine may be busy (a network file system is slow the first time); try again with more time",
            f"wee doctor timeout={6 * surroundings.probe.timeout:g}",
        )
    return problem(f"importing {name} {version} {ending}", "install it again", reinstall(name, version))


@dataclass(frozen=True)
class Pair:
    """What is known of torch and torchvision.

    Attributes:
        torch: the version of torch.
        cuda: the version of CUDA that torch is built for; None for a CPU build.
        vision: the version of torchvision; None if it is not installed.
        build: what torchvision is built for: "cpu", "cu130", ..; empty if that is not known.
        required: the version of torch that torchvision requires; empty if that is not known.
        error: the error of importing torchvision; empty if it can be imported.
        repaired: whether wee's workaround was needed.
    """

    torch: str
    cuda: str | None
    vision: str | None
    build: str
    required: str
    error: str
    repaired: bool


def torchvision_findings(pair: Pair) -> Iterator[Finding]:
    """Say in plain words whether torch and torchvision fit together, and which command makes them do so."""
    fitting = fitting_torchvision(pair.torch)
    install = f"pip install --force-reinstall --no-deps 'torchvision=={fitting}.*'{index(pair.torch)}"
    facts = {"torch": pair.torch, "torchvision": pair.vision, "required_torch": pair.required, "built_for": pair.build}
    if pair.vision is None:
        yield problem(
            "torchvision is not installed: timm and lightning need it", "install the version that belongs to this torch",
            install, **facts,
        )  # fmt: skip
        return
    mismatch = wrong_release(pair)
    if mismatch:
        cannot = f" It cannot be imported: {first_line(pair.error)}" if pair.error else ""
        level = problem if pair.error else warning
        yield level(
            f"torchvision {pair.vision} and torch {pair.torch} do not belong together: {mismatch}.{cannot}",
            f"install the torchvision that belongs to torch {plain_version(pair.torch)}", install, **facts,
        )  # fmt: skip
    elif pair.error:
        yield problem(
            f"torchvision {pair.vision} cannot be imported: {first_line(pair.error)}",
            "install the torchvision that belongs to this torch, in the same build", install, **facts,
        )  # fmt: skip
    elif pair.repaired:
        yield note(
            f"torchvision {pair.vision} is built for CUDA ({pair.build}), torch {pair.torch} is not. wee repairs this by "
            "itself whenever it runs; other programs cannot import this torchvision",
            "nothing, or install the CPU build of torchvision",
            f"pip install --force-reinstall --no-deps torchvision=={plain_version(pair.vision)} --index-url {_INDEX}/cpu",
            **facts,
        )  # fmt: skip
    else:
        yield ok(f"torchvision {pair.vision} belongs to this torch, and can be imported", **facts)


def wrong_release(pair: Pair) -> str:
    """Return why the releases of torch and torchvision do not belong together, in words; empty if they do."""
    if pair.required:
        if _numbers(pair.required)[:2] == _numbers(pair.torch)[:2]:
            return ""
        return f"this torchvision was made for torch {pair.required}"
    fitting = fitting_torchvision(pair.torch)
    if pair.vision is None or not fitting or _numbers(pair.vision)[:2] == _numbers(fitting)[:2]:
        return ""
    return f"torch {plain_version(pair.torch)} belongs to torchvision {fitting}"


def fitting_torchvision(torch: str) -> str:
    """Return the release of torchvision that belongs to a torch: 0.28 to 2.13. Empty if that is not known."""
    numbers = _numbers(torch)
    return f"0.{numbers[1] + 15}" if len(numbers) > 1 and numbers[0] == 2 else ""


def required_torch() -> str:
    """Return the version of torch that the installed torchvision requires; empty if it does not say."""
    try:
        required = metadata.requires("torchvision") or []
    except metadata.PackageNotFoundError:
        return ""
    exact = (re.match(r"torch *\(? *== *([0-9.]+)", line) for line in required)
    return next((match[1] for match in exact if match), "")


def vision_build() -> str:
    """Return what the installed torchvision is built for: "cpu", "cu130", ..; empty if it does not say."""
    try:
        spec = importlib.util.find_spec("torchvision")
    except (ImportError, ValueError):
        return ""
    file = Path(spec.origin).with_name("version.py") if spec is not None and spec.origin else None
    try:
        match = re.search(r"\+(cpu|cu\d+|rocm[\d.]+)", file.read_text()) if file is not None else None
    except OSError:
        return ""
    return match[1] if match else ""


def index(version: str) -> str:
    """Return the option of pip for builds like one with this version ("2.13.0+cpu"); empty for those of PyPI."""
    build = version.partition("+")[2]
    return f" --index-url {_INDEX}/{build}" if re.fullmatch(r"cpu|cu\d+|rocm[\d.]+", build) else ""


def reinstall(name: str, version: str) -> str:
    """Return the command that installs the same version and build of a package again, without touching others."""
    return f"pip install --force-reinstall --no-deps {name}=={plain_version(version)}{index(version)}"


def plain_version(version: str) -> str:
    """Return a version without its build."""
    return version.partition("+")[0]


def first_line(text: object) -> str:
    """Return the first line of an error that says something."""
    return next((line.strip() for line in str(text).splitlines() if line.strip()), "no message")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: (2, 13, 0) of "2.13.0+cpu", (1, 4, 0) of "1.4.0rc1"."""
    numbers = []
    for part in plain_version(version).split("."):
        match = re.match(r"\d+", part)
        if match is None:
            break
        numbers.append(int(match[0]))
    return tuple(numbers)
