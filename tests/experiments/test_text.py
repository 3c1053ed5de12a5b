"""The page about text is what its command prints, from the committed logits."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "text"


def test_the_page_has_the_tables_that_its_command_prints(tmp_path: Path) -> None:
    if find_spec("numba") is None:
        pytest.skip("without numba, the intervals on the page take minutes")
    command = [sys.executable, str(FOLDER / "run.py"), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    tables = done.stdout.strip().split("\n\n")
    assert len(tables) == 2
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for table in tables:
        assert table in page
    assert (tmp_path / "outputs" / "figures" / "text.png").is_file()


def test_the_logits_are_small_and_no_file_is_on_both_sides() -> None:
    files = sorted(FOLDER.glob("*.npz"))
    assert sum(file.stat().st_size for file in files) <= 1_500_000
    for file in files:
        arrays = np.load(file, allow_pickle=False)
        assert not set(arrays["val_groups"]) & set(arrays["test_groups"])
        assert len(set(arrays["test_groups"])) > 500
        np.testing.assert_allclose(np.exp(arrays["test_logits"].astype(np.float64)).sum(axis=-1), 1, atol=1e-5)
