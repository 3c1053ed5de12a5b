"""A page of two sweeps in a headless browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.browser import Page, missing_browser
from tests.helpers.explored import write_detection, write_sweeps
from wee.explore.data import page_data, read_sweeps
from wee.explore.page import Library, page

MISSING = missing_browser()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is no browser."""
    if MISSING:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=f"there is no browser here: {MISSING} missing"))


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of two sweeps, by name."""
    return write_sweeps(tmp_path_factory.mktemp("sweeps"))


@pytest.fixture(scope="session")
def detection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep about OOD detection."""
    return write_detection(tmp_path_factory.mktemp("sweeps"))


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, folders: dict[str, Path], detection: Path) -> dict[str, Path]:
    """The pages of the first sweep, of both, and of that about OOD detection, by name."""
    pytest.importorskip("vl_convert")
    root, library = tmp_path_factory.mktemp("pages"), Library.load()
    files = {}
    sweeps = {"first": [folders["first"]], "both": list(folders.values()), "detection": [detection]}
    for name, paths in sweeps.items():
        files[name] = root / f"{name}.html"
        files[name].write_text(page(name, page_data(read_sweeps(paths)), library), encoding="utf-8")
    return files


@pytest.fixture(scope="session")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    browser = Page(tmp_path_factory.mktemp("downloads"))
    yield browser
    browser.close()


@pytest.fixture
def browser(_browser: Page) -> Iterator[Page]:
    """A browser that has nothing to complain about after each test, and that has asked for nothing but the page."""
    for file in _browser.downloads.iterdir():
        file.unlink()
    yield _browser
    assert _browser.complaints() == []
    asked = [
        address for address in _browser.requests() if not address.startswith(("file:", "data:", "blob:", "about:"))
    ]
    assert asked == []
