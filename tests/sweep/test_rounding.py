"""Half-precision storage: kept, told apart, and what it changes is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.command_line import QUICK, SMALL, Wee
from tests.helpers.configs import composed
from wee.commands.evaluate import EvaluateConfig
from wee.data.splits import TEST
from wee.errors import WeeError
from wee.method import summarise
from wee.store import Address, LogitStore


def test_rounded_logits_are_scored_as_if_stored_so() -> None:
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(50, 7)).astype(np.float32) * 5, rng.integers(7, size=50)
    half = summarise([z.astype(np.float16)], labels, [(0,)], ["msp", "energy"])[0,]
    rounded = summarise([z], labels, [(0,)], ["msp", "energy"], rounding="float16")[0,]
    for name in ("msp", "energy"):
        assert half.scores[name].tobytes() == rounded.scores[name].tobytes()
    exact = summarise([z], labels, [(0,)], ["msp"])[0,]
    assert (exact.scores["msp"] != rounded.scores["msp"]).any()
    with pytest.raises(WeeError, match="too large for float16"):
        summarise([z * 1e5], labels, [(0,)], rounding="float16")


def test_half_precision_is_another_entry_and_half_as_large(trained: Path, tmp_path: Path, wee: Wee) -> None:
    members = ("scale=s1", *SMALL, *QUICK, f"paths.checkpoints={trained}/outputs/checkpoints")
    wee("evaluate", *members, "ood=none", cwd=tmp_path)
    wee("evaluate", *members, "ood=none", "storage=float16", cwd=tmp_path)
    store = LogitStore(tmp_path / "outputs/store")
    full, half = store.find(Address("digits", "tiny", "s1", 0, TEST))
    assert (full.logits.dtype, half.logits.dtype) == (np.float32, np.float16)
    assert half.logits.nbytes * 2 == full.logits.nbytes
    assert np.array_equal(full.logits.astype(np.float16), half.logits)

    sweep = ("sweep", "scale=s1", *SMALL, "ood=none")
    message = wee(*sweep, cwd=tmp_path, code=1).stderr
    assert "pick=float16" in message
    assert "float32" in message
    told = wee(*sweep, "pick=float32", "rounding=float16", "name=full", cwd=tmp_path).stdout
    assert "logits stored as float16" in told
    wee(*sweep, "pick=float16", "name=half", cwd=tmp_path)
    (effects,) = (pd.read_csv(path) for path in (tmp_path / "outputs/sweeps/full").glob("*/storage.csv"))
    (stored,) = (pd.read_csv(path) for path in (tmp_path / "outputs/sweeps/half").glob("*/table.csv"))
    assert np.array_equal(effects.rounded, stored.value)
    assert (effects.difference == effects.rounded - effects.value).all()
    assert (effects.difference != 0).any()


def test_a_storage_that_does_not_exist_is_refused(tmp_path: Path, wee: Wee) -> None:
    assert "float32, float16" in wee("evaluate", "storage=float8", cwd=tmp_path, code=1).stderr
    assert "float16, bfloat16" in wee("sweep", "rounding=int8", cwd=tmp_path, code=1).stderr


def test_each_kind_of_split_may_have_a_type_of_its_own(tmp_path: Path, wee: Wee) -> None:
    cfg = composed("evaluate", "storage={shift: float16, ood: float16}")
    assert isinstance(cfg, EvaluateConfig)
    assert cfg.storage == {
        "train": "float32",
        "val": "float32",
        "test": "float32",
        "ood": "float16",
        "shift": "float16",
    }
    told = wee("evaluate", "storage={tests: float16}", cwd=tmp_path, code=1).stderr
    assert "there is no kind of split 'tests' of storage; did you mean 'test'?" in told
