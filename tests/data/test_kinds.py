"""The catalogue of data set kinds: what each config is read as, and the keys of what users have stored."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from wee.app.paths import conf_dir
from wee.data.config import DatasetConfig, labelled, ood_sets
from wee.identity import key_of


def from_conf(group: str, name: str) -> DatasetConfig:
    """A data set as wee's own YAML file gives it, with a root of its own and the default corruption."""
    plain: dict[str, Any] = yaml.safe_load((conf_dir() / group / f"{name}.yaml").read_text())
    values = plain[name] if group == "ood" else plain
    values = {key: value for key, value in values.items() if key != "corruption"} | (
        {"root": "somewhere"} if "root" in values else {}
    )
    return ood_sets({name: values})[name] if group == "ood" else labelled(values)


@pytest.mark.parametrize(
    ("group", "name", "split", "key"),
    [
        ("dataset", "digits", "train", "36615841a844c6e8"),
        ("dataset", "digits", "val", "a3cf9df41e1fe6c9"),
        ("dataset", "digits", "test", "7577e9cfcdae214f"),
        ("ood", "digits_heldout", "test", "ea68d3ab6f13500f"),
        ("ood", "photos", "test", "c5e762e70714da00"),
        ("dataset", "cifar10", "train", "51a870222877da19"),
        ("dataset", "cifar10", "val", "32c78980fdbded4d"),
        ("dataset", "cifar10", "test", "d967631ff01b6736"),
        ("ood", "objects32", "test", "d967631ff01b6736"),
    ],
)
def test_stored_samples_are_found_again(group: str, name: str, split: str, key: str) -> None:
    """These keys are part of the keys of every entry that users have: another key would make all of them anew."""
    identity = from_conf(group, name).identity(split)
    assert identity is not None
    assert key_of(identity) == key
