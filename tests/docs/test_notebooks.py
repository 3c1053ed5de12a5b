"""The notebooks run, and print what they are committed with."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.pages import ROOT

pytest.importorskip("nbclient")

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def _printed(notebook: dict[str, Any]) -> list[str]:
    return ["".join(text for out in cell.get("outputs", []) for text in out["text"]) for cell in notebook["cells"]]


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["logits_to_front", "store_to_cascade"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_is_committed_with(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("execute", ROOT / "docs" / "_site" / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("store", "checkpoints"):
        shutil.copytree(ROOT / "experiments" / "cifar10" / name, tmp_path / "experiments" / "cifar10" / name)
    copy = tmp_path / "docs" / "notebooks" / notebook.name
    copy.parent.mkdir(parents=True)
    shutil.copy(notebook, copy)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    committed = json.loads(notebook.read_text(encoding="utf-8"))
    assert _printed(module.execute(copy)) == _printed(committed)
    assert any(_printed(committed))
