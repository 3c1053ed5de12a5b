"""Saved members are verified without torch, and as torch would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.helpers.broken import flip
from wee.members import checkpoints
from wee.members.saved import ABOUT, WEIGHTS, damage_of, fingerprint_of, saved_members


class Mixed(nn.Module):
    """Weights of several types and shapes, one of them a scalar and one empty."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm = nn.BatchNorm1d(3)
        for name, tensor in {
            "half_numbers": torch.randn(2, 3).half(),
            "brain_numbers": torch.randn(4).bfloat16(),
            "double_numbers": torch.randn(1, 2, 3).double(),
            "flags_numbers": torch.tensor([True, False]),
            "bytes_numbers": torch.arange(5, dtype=torch.uint8),
            "empty_numbers": torch.zeros(0, 4),
        }.items():
            self.register_buffer(name, tensor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "digits" / "tiny" / "s1" / "0-0123456789abcdef"
    checkpoints.save(folder, Mixed(), {"name": "it"})
    return folder


def test_the_fingerprint_is_that_of_the_weights_in_torch(folder: Path) -> None:
    _, expected = checkpoints.read(folder)
    assert fingerprint_of(folder / WEIGHTS) == expected
    assert damage_of(folder) == ""


def test_a_changed_byte_anywhere_in_the_weights_is_found(folder: Path) -> None:
    path = folder / WEIGHTS
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in np.linspace(0, len(whole) - 1, 60).astype(int):
        flip(path, int(place))
        padding = header - len(whole[:header].rstrip(b" ")) > header - place > 0
        assert damage_of(folder) or padding, place
        path.write_bytes(whole)


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_truncated_weights_are_found(folder: Path, size: int) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:size])
    assert damage_of(folder).startswith(f"{WEIGHTS} cannot be read")


def test_missing_and_damaged_files_are_told(folder: Path) -> None:
    about = (folder / ABOUT).read_text()
    for content, message in (("{", "is not what was written"), (json.dumps({"name": "it"}), "is not what was written")):
        (folder / ABOUT).write_text(content)
        assert message in damage_of(folder)
    (folder / ABOUT).unlink()
    assert damage_of(folder) == f"{ABOUT} is missing"
    (folder / ABOUT).write_text(about)
    (folder / WEIGHTS).unlink()
    assert damage_of(folder) == f"{WEIGHTS} is missing"


def test_members_are_found_and_hidden_folders_are_not(folder: Path, tmp_path: Path) -> None:
    for name in (".0-0123456789abcdef.damaged", "1-0123456789abcdef.lock", "2-0123456789abcdef"):
        (folder.parent / name).mkdir()
    (folder.parent / ".0-0123456789abcdef.damaged" / ABOUT).write_text("{}")
    assert list(saved_members(tmp_path)) == [folder]
    assert list(saved_members(tmp_path / "none")) == []
