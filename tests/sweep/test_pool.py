"""What a sweep reads: scales are compared on the same samples, or not at all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.stores import fill_store
from tests.helpers.sweeps import pool
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.store import LogitStore
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
