"""Run the notebooks and keep what they print: `python docs/_site/execute.py`. Figures are not kept.

A test runs them again and compares what they print.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parents[1] / "notebooks"


def execute(notebook: Path) -> dict[str, Any]:
    """Run a notebook in its folder, and return it with what its cells print.

    Raises:
        CellExecutionError: a cell fails.
    """
    content = nbformat.read(notebook, as_version=4)
    os.environ["MPLBACKEND"] = "agg"
    NotebookClient(content, timeout=240, resources={"metadata": {"path": str(notebook.parent)}}).execute()
    plain: dict[str, Any] = json.loads(nbformat.writes(content))
    for number, cell in enumerate(plain["cells"]):
        cell["id"], cell["metadata"] = f"cell-{number}", {}
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
            cell["outputs"] = [_printed(cell["outputs"])] if _printed(cell["outputs"]) else []
    plain["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return plain


def _printed(outputs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Everything that a cell prints to its standard output, as one output; None for nothing."""
    texts = ["".join(output["text"]) for output in outputs if output.get("name") == "stdout"]
    text = "".join(texts)
    return {"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)} if text else None


if __name__ == "__main__":
    for path in sorted(HERE.glob("*.ipynb")):
        path.write_text(json.dumps(execute(path), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
