"""The file of a page: one file, the same for the same data, whatever the names in it."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path

import pytest

from tests.helpers.explored import write_sweeps
from wee.app.paths import PathsConfig
from wee.commands.explore import ExploreConfig, explore
from wee.errors import WeeError
from wee.explore.page import Library, page

LIBRARY = Library("9.9", "window.vegaEmbed = null; // </script><!--")


def embedded(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


def test_a_page_holds_its_data_and_loads_nothing() -> None:
    text = page("a <b> & c", {"rows": {"text": "</script><!-- {{TITLE}} é"}}, LIBRARY)
    data = embedded(text)
    assert data["rows"] == {"text": "</script><!-- {{TITLE}} é"}
    assert data["vega"] == "9.9"
    assert f"<h1>{html.escape('a <b> & c')}</h1>" in text
    assert text.count("</script>") == text.count("<script")
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", text)
    assert "default-src 'none'" in text


def test_the_same_data_give_the_same_page() -> None:
    assert page("x", {"rows": [1]}, LIBRARY) == page("x", {"rows": [1]}, LIBRARY)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(WeeError, match=r"pip install 'wee\[explore\]'"):
        Library.load()


def test_the_command_writes_a_page_named_after_its_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("vl_convert")
    monkeypatch.setattr("wee.commands.explore.job_suffix", str)
    folders = write_sweeps(tmp_path)
    paths = PathsConfig(outputs=str(tmp_path / "outputs"), sweeps=str(tmp_path / "outputs" / "sweeps"))
    explore(ExploreConfig(paths, ["first", str(folders["second"]), "first"]))
    (file,) = (tmp_path / "outputs" / "explore").iterdir()
    assert file.name == "first+second.html"
    assert [sweep["name"] for sweep in embedded(file.read_text())["sweeps"]] == ["first", "second"]  # type: ignore[attr-defined]
    assert file.stat().st_size < 2_000_000
    explore(ExploreConfig(paths, "second", "mine"))
    assert (tmp_path / "outputs" / "explore" / "mine.html").is_file()


@pytest.mark.parametrize(("sweeps", "name"), [([], ""), ("newest", "a/b")])
def test_bad_values_are_refused_first(sweeps: str | list[str], name: str) -> None:
    with pytest.raises(WeeError, match="sweeps is empty|no slashes"):
        ExploreConfig(sweeps=sweeps, name=name)
