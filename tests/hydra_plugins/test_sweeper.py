"""The jobs that a multirun spans."""

from __future__ import annotations

import pytest
from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import CompactHydraException

from hydra_plugins.wee.sweeper import _hydra_config, spanned_jobs
from wee.app.hydra_compat import composing
from wee.app.paths import conf_dir
from wee.commands import find_command


def jobs(*overrides: str) -> list[tuple[str, ...]]:
    return list(spanned_jobs(OverridesParser.create().parse_overrides(list(overrides))))


def test_the_last_override_changes_fastest() -> None:
    assert jobs("scale=s1,s2", "score=msp", "member=0,1") == [
        ("scale=s1", "score=msp", "member=0"),
        ("scale=s1", "score=msp", "member=1"),
        ("scale=s2", "score=msp", "member=0"),
        ("scale=s2", "score=msp", "member=1"),
    ]


@pytest.mark.parametrize(
    "override",
    ["~logger", "~logger=csv", "+experiment=sc", "name='a b'", "members=[0,1]", "x={a:1,b:[2]}", "x=''", "x="],
)
def test_an_override_with_one_value_stays_as_it_was_written(override: str) -> None:
    assert jobs(override) == [(override,)]


def test_values_may_be_lists_ranges_and_choices() -> None:
    assert jobs("members=[0,1],[2,3]") == [("members=[0,1]",), ("members=[2,3]",)]
    assert jobs("seed=range(3)") == [("seed=0",), ("seed=1",), ("seed=2",)]
    assert jobs("score=choice(msp,energy)") == [("score=msp",), ("score=energy",)]


def test_of_two_overrides_with_one_key_the_later_counts() -> None:
    assert jobs("scale=s1,s2", "scale=s3") == [("scale=s3",)]


def test_a_range_without_steps_is_refused() -> None:
    with pytest.raises(CompactHydraException, match=r"width=interval\(0,1\).*list of values"):
        jobs("width=interval(0,1)")


def test_jobs_are_checked_with_the_values_that_hydra_gives_them() -> None:
    find_command("figure").register()
    before = HydraConfig.instance().cfg
    with composing(str(conf_dir())):
        overrides = ["figure=policy", "name=${hydra:runtime.choices.figure}"]
        config = compose("figure", overrides=overrides, return_hydra_config=True)
    with _hydra_config(config):
        assert config.name == "policy"
    assert HydraConfig.instance().cfg is before
