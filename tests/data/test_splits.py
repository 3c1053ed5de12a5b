"""Names of splits: read from text, written as text, and nothing else in between."""

from __future__ import annotations

import pytest

from wee.data.splits import TEST, TRAIN, VAL, SplitName
from wee.errors import WeeError


@pytest.mark.parametrize(
    ("split", "text", "part"),
    [
        (TRAIN, "train", "train"),
        (VAL, "val", "val"),
        (TEST, "test", "test"),
        (SplitName.ood("near_ood"), "ood-near_ood", "test"),
        (SplitName.shifted("imagenet_c-fog-3"), "shift-imagenet_c-fog-3", "test"),
        (SplitName.ood("shift-x"), "ood-shift-x", "test"),
    ],
)
def test_a_name_is_read_as_it_is_written(split: SplitName, text: str, part: str) -> None:
    assert str(split) == text
    assert SplitName.parse(text) == split
    assert split.part == part


@pytest.mark.parametrize("text", ["vla", "ood", "shift-", "val-2", "", "odd-x"])
def test_what_is_no_split_is_refused(text: str) -> None:
    with pytest.raises(WeeError, match="there is no split '.*Known: train, val, test, ood-NAME, shift-NAME"):
        SplitName.parse(text)
