"""The examples with prompts on the pages."""

from __future__ import annotations

import doctest

import pytest

from tests.helpers.pages import ROOT, blocks, pages

WITH_PROMPTS = [page for page in pages() if any(">>>" in block.text for block in blocks(page))]


@pytest.mark.parametrize("page", WITH_PROMPTS)
def test_examples_print_what_the_page_says(page: str) -> None:
    failed, tried = doctest.testfile(str(ROOT / page), module_relative=False, encoding="utf-8")
    assert (failed, tried > 0) == (0, True)


def test_the_page_of_the_api_has_examples() -> None:
    assert "docs/reference/api.md" in WITH_PROMPTS
