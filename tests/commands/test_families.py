"""What `wee families` counts: networks for a data set, whose images need not be there."""

from __future__ import annotations

import pytest

from tests.helpers.configs import composed
from wee.commands.families import FamiliesConfig, families
from wee.errors import WeeError


def config(*overrides: str) -> FamiliesConfig:
    found = composed("families", "family=tiny", *overrides)
    assert isinstance(found, FamiliesConfig)
    return found


@pytest.mark.parametrize(
    ("overrides", "title", "macs"),
    [
        (["dataset=digits"], "networks with 8 outputs for images of 1 channel (digits); inputs in pixels", "66.3 k"),
        (
            ["dataset=cifar10"],
            "networks with 10 outputs for images of 3 channels (cifar10); inputs in pixels",
            "71.6 k",
        ),
        (
            ["dataset=digits", "channels=3"],
            "networks with 8 outputs for images of 3 channels; inputs in pixels",
            "71.4 k",
        ),
        ([], "networks with 1,000 outputs for images of 3 channels; inputs in pixels", "135 k"),
    ],
)
def test_networks_are_built_for_a_data_set(
    overrides: list[str], title: str, macs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = config(*overrides, "paths.data=nowhere")
    assert found.family is not None
    found.family.scales = {"s1": found.family.scales["s1"]}
    families(found)
    shown = capsys.readouterr().out
    assert title in shown
    (row,) = (line for line in shown.splitlines() if " s1 " in line)
    assert f" {macs} " in row


def test_classes_that_no_config_tells_are_asked_for() -> None:
    with pytest.raises(WeeError, match=r"data set x does not say how many classes it has.*; give classes=NUMBER"):
        families(config("dataset=stored", "dataset.name=x"))
    with pytest.raises(WeeError, match="classes is 0: it must be 1 or more"):
        config("classes=0")
