"""The documentation as a site: it builds without a warning, its links lead somewhere, and its search finds things."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.helpers.pages import ROOT

pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "--quiet", "-b", "html", "-c", "docs"]
    done = subprocess.run(
        [*command, "-d", str(folder / "doctrees"), ".", str(folder / "html")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Page(HTMLParser):
    """The anchors and the links of a page, the scripts that it loads, and its formulas."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.formulas = 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.formulas += tag == "math"
        for name, value in attrs:
            if tag == "script" and name == "src" and value:
                self.scripts.append(value)
            if name == "id" and value:
                self.anchors.add(value)
            if value and name in ("href", "src") and tag in ("a", "img", "link", "script"):
                self.links.append(value)


def _inside(links: list[str]) -> Iterator[tuple[str, str]]:
    for link in links:
        if "://" not in link and not link.startswith(("mailto:", "data:", "javascript:")):
            path, _, anchor = unquote(link).partition("#")
            yield path.partition("?")[0], anchor


def test_every_link_inside_leads_somewhere(site: Path) -> None:
    pages = {file: Page(file) for file in site.rglob("*.html")}
    assert len(pages) > 40
    lost = []
    for file, page in pages.items():
        for path, anchor in _inside(page.links):
            target = (file.parent / path).resolve() if path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                lost.append((file.relative_to(site).as_posix(), path, anchor))
    assert lost == []


def test_formulas_are_drawn_without_a_network(site: Path) -> None:
    pages = [Page(file) for file in site.rglob("*.html")]
    assert [script for page in pages for script in page.scripts if "//" in script] == []
    written = re.sub(r"`[^`]*`", "", (ROOT / "docs" / "method.md").read_text(encoding="utf-8"))
    expected = len(re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", written, re.DOTALL))
    assert Page(site / "docs" / "method.html").formulas == expected > 150
    assert all("\\tau" not in file.read_text(encoding="utf-8") for file in site.rglob("method.html"))


def test_a_formula_with_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_site"))
    from mathml import ExtensionError, mathml

    assert "<mfrac>" in mathml(r"\frac{1}{m}", block=True)
    with pytest.raises(ExtensionError, match=r"does not know: \\arg x"):
        mathml(r"\arg x")


def test_the_top_of_the_site_leads_to_the_front_page(site: Path) -> None:
    assert "docs/index.html" in (site / "index.html").read_text()


@pytest.fixture(scope="module")
def index(site: Path) -> dict[str, Any]:
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return content


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("window.width", "docs/reference/sweep"),
        ("guarantee.risk", "docs/reference/calibrate"),
        ("cov@5", "docs/reference/catalogues"),
        ("risk@80", "docs/reference/catalogues"),
    ],
)
def test_the_search_finds_keys_and_tasks(words: str, page: str, index: dict[str, Any]) -> None:
    entries = {entry: places for entry, places in index["indexentries"].items() if words in entry}
    assert page in {index["docnames"][place[0]] for places in entries.values() for place in places}


@pytest.mark.parametrize(
    ("stem", "page"),
    [("certifi", "docs/howto/certify"), ("clamp", "docs/explanation/idea"), ("onnx", "docs/howto/deploy")],
)
def test_the_search_finds_words(stem: str, page: str, index: dict[str, Any]) -> None:
    places = [*_listed(index["terms"].get(stem, [])), *_listed(index["titleterms"].get(stem, []))]
    assert page in {index["docnames"][place] for place in places}


def _listed(places: int | list[int]) -> list[int]:
    return places if isinstance(places, list) else [places]


def test_pages_have_what_is_generated(site: Path) -> None:
    sweep = (site / "docs" / "reference" / "sweep.html").read_text(encoding="utf-8")
    assert 'id="sweep-window-width"' in sweep
    api = (site / "docs" / "reference" / "api.html").read_text(encoding="utf-8")
    assert 'id="wee.method.Window"' in api
    assert "percentile_rank" in api
