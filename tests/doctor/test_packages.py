"""Versions and mismatches, in words that a newcomer understands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wee.doctor import packages
from wee.doctor.base import Level, Surroundings
from wee.doctor.packages import (
    Pair,
    check_requirements,
    check_torch,
    check_versions,
    fitting_torchvision,
    index,
    installed,
    required_torch,
    torchvision_findings,
    wrong_release,
)
from wee.doctor.probe import STEPS, Probe, main

FITS = Pair("2.13.0+cpu", None, "0.28.0", "cpu", "2.13.0", "", False)


class Answered(Probe):
    """A probe whose process has given these answers."""

    def __init__(self, results: dict[str, Any], ending: str = "") -> None:
        super().__init__(full=False, timeout=1)
        self.__dict__.update(results=results, ending=ending)


def surroundings(probe: Probe) -> Surroundings:
    return Surroundings({}, (), False, probe)


@pytest.mark.parametrize(
    ("change", "level", "words", "command"),
    [
        ({}, Level.OK, "belongs to this torch", ""),
        ({"vision": None}, Level.PROBLEM, "torchvision is not installed", "'torchvision==0.28.*' --index-url"),
        (
            {
                "vision": "0.20.0",
                "required": "2.5.0",
                "error": "RuntimeError: operator torchvision::nms does not exist",
            },
            Level.PROBLEM,
            "torchvision 0.20.0 and torch 2.13.0+cpu do not belong together: this torchvision was made for torch 2.5.0",
            "'torchvision==0.28.*' --index-url https://download.pytorch.org/whl/cpu",
        ),
        (
            {"vision": "0.20.0", "required": ""},
            Level.WARNING,
            "torch 2.13.0 belongs to torchvision 0.28",
            "'torchvision==0.28.*'",
        ),
        (
            {"build": "cu130", "repaired": True},
            Level.NOTE,
            "torchvision 0.28.0 is built for CUDA (cu130), torch 2.13.0+cpu is not. wee repairs this by itself",
            "torchvision==0.28.0 --index-url https://download.pytorch.org/whl/cpu",
        ),
        (
            {"torch": "2.13.0+cu130", "cuda": "13.0", "error": "OSError: no such library"},
            Level.PROBLEM,
            "torchvision 0.28.0 cannot be imported: OSError: no such library",
            "--index-url https://download.pytorch.org/whl/cu130",
        ),
    ],
)
def test_torch_and_torchvision(change: dict[str, Any], level: Level, words: str, command: str) -> None:
    (finding,) = torchvision_findings(Pair(**{**vars(FITS), **change}))
    assert finding.level == level
    assert words in finding.text
    assert command in "\n".join(finding.commands)
    assert bool(finding.advice) == (level != Level.OK)
    assert all("--no-deps" in line for line in finding.commands), "pip must not replace torch"


@pytest.mark.parametrize(
    ("torch", "vision"), [("2.13.0+cpu", "0.28"), ("2.4.1", "0.19"), ("2.9.0.dev1", "0.24"), ("1.13.1", ""), ("x", "")]
)
def test_releases_of_torchvision_follow_torch(torch: str, vision: str) -> None:
    assert fitting_torchvision(torch) == vision


def test_builds_come_from_their_index() -> None:
    assert index("2.13.0") == index("2.13.0+git123") == ""
    assert index("2.13.0+cu128").endswith("/whl/cu128")


@pytest.mark.parametrize(
    ("results", "ending", "level", "words"),
    [
        ({"torch": {"error": "OSError: libc10.so\nmore"}}, "", Level.PROBLEM, "cannot be imported: OSError: libc10.so"),
        ({}, "ended the process with signal 11", Level.PROBLEM, "ended the process with signal 11"),
        ({}, "took longer than 1 s", Level.WARNING, "took longer than 1 s"),
    ],
)
def test_a_torch_that_cannot_be_imported(results: dict[str, Any], ending: str, level: Level, words: str) -> None:
    (finding,) = check_torch(surroundings(Answered(results, ending)))
    assert finding.level == level
    assert words in finding.text
    assert finding.commands


def test_a_missing_torch_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "installed", lambda name: None)
    error = {"error": "ModuleNotFoundError: No module named 'torch'"}
    (finding,) = check_torch(surroundings(Answered({"torch": error})))
    assert finding.level == Level.PROBLEM
    assert "torch is not installed" in finding.text
    assert "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu" in finding.commands


def fake(folder: Path, name: str, version: str, *requires: str) -> None:
    """A package that is installed in a folder, as pip describes it."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {one}" for one in requires),
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n")


def test_requirements_are_compared_all_the_way_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "wee", "9.9", "apple>=2", "pear", "melon; extra == 'fruit'", "fig; python_version < '3'")
    fake(tmp_path, "apple", "1.0")
    fake(tmp_path, "pear", "1.0", "seed<3")
    fake(tmp_path, "seed", "3.1")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = list(check_requirements(surroundings(Answered({}))))
    assert [(one.level, one.text) for one in found] == [
        (Level.PROBLEM, "apple is 1.0, but wee needs apple>=2"),
        (Level.WARNING, "seed is 3.1, but pear needs seed<3"),
    ]
    assert found[0].commands == ("pip install 'apple>=2'",)
    fake(tmp_path / "more", "pear", "1.0", "stone")
    monkeypatch.syspath_prepend(str(tmp_path / "more"))
    assert "stone is missing; pear needs it" in [one.text for one in check_requirements(surroundings(Answered({})))]


@pytest.mark.parametrize(
    ("hydra", "omegaconf", "level", "bounds"),
    [
        ("1.3.2", "2.3.0", None, ()),
        ("1.4.0rc1", "2.4.1", Level.NOTE, ("1.4", "2.4")),
        ("1.5", "3.0", Level.WARNING, ("1.5", "2.5")),
    ],
)
def test_versions_that_are_not_tried_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hydra: str, omegaconf: str, level: Level | None, bounds: tuple[str, ...]
) -> None:  # fmt: skip
    fake(tmp_path, "omegaconf", omegaconf)
    fake(tmp_path, "hydra-core", hydra)
    monkeypatch.syspath_prepend(str(tmp_path))
    told = [
        one for one in check_versions(surroundings(Answered({}))) if one.text.startswith(("hydra-core ", "omegaconf "))
    ]
    assert [one.level for one in told] == [level] * len(bounds)
    names = ("hydra-core", "omegaconf")
    assert [one.commands[0] for one in told] == [
        f"pip install '{name}<{bound}'" for name, bound in zip(names, bounds, strict=False)
    ]


def test_the_probe_describes_the_real_torch(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    main([*STEPS, "no_such_package"])
    answers = {answer["step"]: answer for answer in map(json.loads, capsys.readouterr().out.splitlines())}
    assert (answers["torch"]["version"], answers["torch"]["cuda"]) == (torch.__version__, torch.version.cuda)
    assert "error" not in answers["torchvision"]
    assert len(answers["devices"]["cuda"]) == torch.cuda.device_count()
    assert answers["no_such_package"]["error"] == "ModuleNotFoundError: No module named 'no_such_package'"


def test_the_real_packages_fit_together() -> None:
    """Those that this project pins."""
    assert {finding.level for finding in check_requirements(surroundings(Answered({})))} <= {Level.OK, Level.WARNING}
    pair = Pair(str(installed("torch")), None, installed("torchvision"), "", required_torch(), "", False)
    assert wrong_release(pair) == ""
