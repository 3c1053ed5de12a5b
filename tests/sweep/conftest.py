"""What tests of sweeps share."""

from __future__ import annotations

import pytest

from tests.helpers.stores import fill_store
from wee.store import LogitStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LogitStore:
    return fill_store(tmp_path_factory.mktemp("store"), members=2, scales=("s1", "s2", "s3"), count=200, ood=True)
