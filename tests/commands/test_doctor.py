"""`wee doctor` on a fresh clone, with a mismatched torchvision, a broken torch, a broken Hydra and a broken store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.broken import entry_folder
from tests.helpers.command_line import Wee
from tests.helpers.stores import fill_store
from wee.doctor.checks import CHECKS

ROOT = Path(__file__).parents[2]
FAST = "only=[" + ",".join(check.name for check in CHECKS if not check.slow) + "]"


def doctor(place: Path, *arguments: str, first: Path | None = None) -> Any:
    """Run `wee doctor` in a folder, with packages of another folder before those that are installed."""
    path = os.pathsep.join([*([str(first)] if first else []), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", "wee", "doctor", *arguments]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False)


def package(folder: Path, name: str, content: str, version: str = "", requires: str = "") -> None:
    """A package in a folder, with what pip knows about it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(content)
    if version:
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        required = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")


TORCH = """
__version__ = "2.13.0+cpu"
class version: cuda = None
class cuda: is_available = staticmethod(lambda: False)
class mps: is_available = staticmethod(lambda: False)
class backends: mps = mps
def get_num_threads(): return 1
"""
"""A torch that is imported fast."""


def test_a_fresh_clone_has_no_problems(tmp_path: Path, wee: Wee) -> None:
    done = wee("doctor", FAST, cwd=tmp_path)
    assert "there is no store in outputs/store yet; wee evaluate and wee import make one" in done.stdout
    assert "problem" not in done.stdout.replace("No problems", "").replace("no problems", "")
    assert list(tmp_path.iterdir()) == [], "a doctor leaves no files"


def test_json_is_all_there_is_on_standard_output(tmp_path: Path) -> None:
    package(tmp_path / "path", "torch", TORCH, "2.13.0+cpu")
    package(tmp_path / "path", "torchvision", "__version__ = '0.28.0'", "0.28.0", "torch (==2.13.0)")
    done = doctor(tmp_path, "--json", "timeout=120", first=tmp_path / "path")
    about = json.loads(done.stdout)
    assert [check["name"] for check in about["checks"]] == [check.name for check in CHECKS]
    assert about["ok"] == (done.returncode == 0)
    facts = about["checks"][0]["findings"][0]["facts"]
    assert {"python", "torch", "torchvision", "hydra-core"} <= set(facts)
    torch = next(check for check in about["checks"] if check["name"] == "torch")
    assert [finding["text"] for finding in torch["findings"]] == [
        "torch 2.13.0+cpu (CPU build) can be imported",
        "torchvision 0.28.0 belongs to this torch, and can be imported",
    ]


def test_a_mismatched_torchvision_is_explained(tmp_path: Path) -> None:
    content = "raise RuntimeError('operator torchvision::nms does not exist')"
    package(tmp_path / "path", "torch", TORCH, "2.13.0+cpu")
    package(tmp_path / "path", "torchvision", content, "0.20.0", "torch (==2.5.0)")
    done = doctor(tmp_path, "only=torch", "timeout=120", first=tmp_path / "path")
    assert done.returncode == 1
    told = " ".join(done.stdout.split())
    assert "this torchvision was made for torch 2.5.0" in told
    assert "operator torchvision::nms does not exist" in told
    assert "What to do: install the torchvision that belongs to torch" in told
    command = (
        "pip install --force-reinstall --no-deps 'torchvision==0.28.*' --index-url https://download.pytorch.org/whl/cpu"
    )
    assert command in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "timeout", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", 120, "ended the process with signal 11"),
        ("raise ImportError('libtorch.so is missing')", 120, "cannot be imported: ImportError: libtorch.so is missing"),
        ("import time; time.sleep(600)", 1, "took longer than 1 s"),
    ],
)
def test_a_broken_torch_breaks_no_other_check(tmp_path: Path, content: str, timeout: int, words: str) -> None:
    package(tmp_path / "path", "torch", content)
    done = doctor(tmp_path, "only=torch,devices,folders", f"timeout={timeout}", first=tmp_path / "path")
    told = " ".join(done.stdout.split())
    assert words in told
    assert "paths.outputs: outputs (does not exist yet)" in told
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if "longer" in words else 1)


def test_a_broken_hydra_and_numpy_are_told(tmp_path: Path) -> None:
    for name in ("hydra", "numpy", "torch"):
        package(tmp_path / "path", name, "raise ImportError('broken on purpose')")
    (tmp_path / "there" / "store").mkdir(parents=True)
    done = doctor(tmp_path, "--json", "paths.outputs=there", first=tmp_path / "path")
    about = json.loads(done.stdout)
    assert done.returncode == 1
    first = about["checks"][0]["findings"][0]
    assert first["text"] == "no command of wee can run: ImportError: broken on purpose"
    store = next(check for check in about["checks"] if check["name"] == "store")
    assert store["findings"][0]["text"] == "this could not be looked at: broken on purpose"
    folders = next(check for check in about["checks"] if check["name"] == "folders")
    assert "paths.store: there/store, " in folders["findings"][1]["text"]


def test_a_broken_store_is_told_with_its_repair(tmp_path: Path, wee: Wee) -> None:
    store = fill_store(tmp_path / "outputs" / "store", members=1, scales=("s1",), count=5)
    (entry_folder(store, "toy/made/s1/0/val") / "labels.npy").unlink()
    done = wee("doctor", "only=store", cwd=tmp_path, code=1)
    assert "problem toy/made/s1/0/val is damaged: labels.npy is missing" in done.stdout
    assert "              wee evaluate\n" in done.stdout
    elsewhere = wee("doctor", "only=store", f"paths.store={store.root}", cwd=tmp_path / "outputs", code=1)
    assert f"              wee evaluate paths.store={store.root}\n" in elsewhere.stdout
    assert "wee doctor: 1 problem found" in done.stderr


@pytest.mark.parametrize(
    ("argument", "message"),
    [("only=stor", "there is no check 'stor'; did you mean 'store'?"), ("timeout=0", "timeout is 0.0: it must be")],
)
def test_bad_input_is_one_clear_message(tmp_path: Path, wee: Wee, argument: str, message: str) -> None:
    done = wee("doctor", argument, cwd=tmp_path, code=1)
    assert message in done.stderr
    assert done.stdout == ""


def test_help_lists_the_checks(tmp_path: Path, wee: Wee) -> None:
    told = wee("doctor", "--help", cwd=tmp_path).stdout
    assert all(check.help in told for check in CHECKS)
    assert "--json" in told
