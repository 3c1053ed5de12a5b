"""What a sweep reads: scales are compared on the same samples, or not at all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.stores import FAR, fill_store
from tests.helpers.sweeps import pool
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.method import NO_LABEL
from wee.store import Address, LogitStore
from wee.sweep.pool import Pool, check_same_samples, read_pool


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LogitStore:
    return fill_store(tmp_path_factory.mktemp("store"), members=1, count=40)


def changed(found: Pool, field: str) -> Pool:
    """A pool with other values of a field for the last three test samples."""
    samples = found.samples[TEST]
    values = np.array(getattr(samples, field))
    values[-3:] = values[0] if field != "labels" else (values[-3:] + 1) % 5
    return replace(found, samples={**found.samples, TEST: replace(samples, **{field: values})})


@pytest.mark.parametrize("field", ["ids", "labels", "groups"])
def test_scales_with_other_samples_are_refused(store: LogitStore, field: str) -> None:
    first, second = (pool(store, scale, members=1) for scale in ("s1", "s2"))
    check_same_samples([first, second])
    wanted = f"made/s1 and made/s2 are not about the same test samples: the {field} of 3 of 40 samples differ"
    with pytest.raises(WeeError, match=f"{wanted}.*evaluate both on the same samples.*scale=s1 and then scale=s2"):
        check_same_samples([first, first, changed(second, field)])


def test_members_with_other_groups_are_refused(tmp_path: Path) -> None:
    store = fill_store(tmp_path / "a", scales=("s1",), members=1, count=30)
    fill_store(tmp_path / "b", scales=("s1",), members=2, count=30, group=5)
    shutil.copytree(tmp_path / "b/toy/made/s1/1", tmp_path / "a/toy/made/s1/1")
    with pytest.raises(WeeError, match="are not about the same samples"):
        read_pool(store, "toy", "made", ["s1"], [0, 1], [VAL, TEST], [])


def halved(root: Path, split: SplitName) -> LogitStore:
    """A store of one member whose logits on one split are in half precision."""
    store = LogitStore(root)
    for name in (VAL, TEST, FAR):
        dtype = "float16" if name == split else "float32"
        labels = np.zeros(4, dtype=np.int64) if name != FAR else np.full(4, NO_LABEL)
        ids = np.array([f"{name}-{k}" for k in range(4)], dtype=np.bytes_)
        identity = {"weights": "w", "samples": str(name), "dtype": dtype}
        with store.writer(Address("toy", "made", "s1", 0, name), identity, labels, ids, ids) as writer:
            writer.add(np.arange(4), np.eye(4, dtype=dtype), labels)
            writer.commit({"macs": 1.0}, {"command": "wee evaluate", "created": "2026"})
    return store


def test_sets_beside_the_id_data_may_be_stored_in_another_type(tmp_path: Path) -> None:
    splits = [VAL, TEST, FAR]
    found, missing = read_pool(halved(tmp_path / "ood", FAR), "toy", "made", ["s1"], [0], splits, [])
    assert not missing
    assert found is not None
    assert found.networks[0].logits[FAR].dtype == np.float16
    with pytest.raises(WeeError, match="differ in their dtype"):
        read_pool(halved(tmp_path / "test", TEST), "toy", "made", ["s1"], [0], splits, [])
