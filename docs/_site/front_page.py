"""Write an index.html at the top of the site that leads to the front page, which lies in the folder of the pages."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

_PAGE = '<!doctype html><meta charset="utf-8"><title>wee</title><meta http-equiv="refresh" content="0; url={page}">\n'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        page = f"{app.config.root_doc}.html"
        Path(app.outdir, "index.html").write_text(_PAGE.format(page=page), encoding="utf-8")
