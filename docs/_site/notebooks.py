"""Read a notebook as a page: text cells as Markdown, code cells and the text that they print as code blocks."""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx


def as_markdown(notebook: str) -> str:
    """Return the Markdown of a notebook.

    Args:
        notebook: the notebook as JSON, in version 4 of the format.
    """
    return "\n\n".join(filter(None, map(_cell, json.loads(notebook)["cells"])))


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"]).strip()
    if cell["cell_type"] == "markdown" or not source:
        return source
    printed = "".join(
        text
        for output in cell.get("outputs", [])
        for text in output.get("text", output.get("data", {}).get("text/plain", []))
    )
    shown = f"\n\n```text\n{printed.rstrip()}\n```" if printed.strip() else ""
    return f"```python\n{source}\n```{shown}"


class NotebookParser(MystParser):
    """The parser of pages that are notebooks."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse a notebook into a document."""
        super().parse(as_markdown(inputstring), document)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
