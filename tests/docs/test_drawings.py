"""The drawings of the pages are drawn by the script beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.pages import ROOT

FOLDER = ROOT / "docs" / "explanation"


def test_every_drawing_is_drawn_and_used(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    subprocess.run([sys.executable, str(FOLDER / "drawings.py"), str(tmp_path)], env=environment, check=True)
    drawn = sorted(path.name for path in tmp_path.glob("*.png"))
    assert drawn == sorted(path.name for path in FOLDER.glob("*.png"))
    text = "".join(page.read_text(encoding="utf-8") for page in FOLDER.glob("*.md"))
    assert [name for name in drawn if f"]({name})" not in text] == []
