"""A small data set to train on."""

from __future__ import annotations

import pytest

from tests.helpers import trees
from wee.data.images.config import HeldOutConfig, ImagesConfig


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ImagesConfig:
    root = tmp_path_factory.mktemp("images")
    trees.class_folders(root / "train", 14)
    trees.class_folders(root / "test", 4)
    return ImagesConfig(name="toy", root=str(root), validation=HeldOutConfig("train", 6)).resolve()
