"""Typed configs of calibration. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from wee.app.fields import Checked, as_list, written
from wee.errors import WeeError
from wee.method.policies import Width
from wee.sweep.cells import NUMBERS, SCALES, read_width, write_width
from wee.sweep.config import BootstrapConfig, CertificationConfig


@dataclass(kw_only=True)
class GuaranteeConfig(CertificationConfig):
    """What is guaranteed of the calibrated cascade, with probability 1 - delta over the draw of the certification samples.

    Attributes:
        risk: the largest risk of accepted samples, a share in (0, 1); null for no such guarantee.
        disagreement: the largest share of samples on which the decision may differ from that of the ensemble of all
            stages, in (0, 1); null for none.
        macs: the largest average cost; null for none.
        delta: the probability that any of the guarantees fails, in (0, 1).
        share: the share of the independent validation samples that certify; the others tune.
    """

    risk: float | None = None
    disagreement: float | None = None
    macs: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in TESTED:
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise WeeError(f"guarantee.{name} is {value:g}: it is a share between 0 and 1, such as 0.05 for 5 %")
        if self.macs is not None and self.macs <= 0:
            raise WeeError(f"guarantee.macs is {self.macs:g}: it is an average number of MACs a sample, more than 0")

    @property
    def count(self) -> int:
        """The number of guarantees."""
        return sum(value is not None for value in (self.risk, self.disagreement, self.macs))


TESTED = tuple(entry.name for entry in fields(GuaranteeConfig)[len(fields(CertificationConfig)) :][:2])
"""The guarantees that are tested at every candidate for the acceptance threshold: risk and disagreement."""


@dataclass
class SettingConfig:
    """A setting of a sweep, named by its columns in the table of the sweep.

    Columns that are null are not compared. The task and the score are those of the command.

    Attributes:
        sweep: The name or the folder of the sweep; empty to search for a setting instead.
        scale: The scale of the stages, or the scales in the order in which they run, such as [s1, s3].
        members: The members in the order in which they run, such as [0, 1] or "0+1".
        exits: The exits in the order in which they run, such as [3, 5].
        size: The number of members or exits.
        policy: The name of the policy.
        width: The width of the window, "all", or a list with a width for each stage but the last.
        fraction: The quantile of a single threshold, or the probability of a random exit.
        parameters: The parameters of a policy of your own, as written in the table: "share=0.3".
    """

    sweep: str = ""
    scale: Checked[str | None] = written(None)
    members: Checked[str | None] = written(None)
    exits: Checked[str | None] = written(None)
    size: int | None = None
    policy: str | None = None
    width: Checked[Width | tuple[Width, ...] | str | None] = written(None)
    fraction: float | None = None
    parameters: str | None = None

    def __post_init__(self) -> None:
        self.scale = None if self.scale is None else SCALES.write(as_list(self.scale))
        self.members, self.exits = (
            None if value is None else NUMBERS.write(as_list(value)) for value in (self.members, self.exits)
        )
        if isinstance(self.width, (list, tuple)):
            self.width = write_width(tuple(self.width))
        self.width = None if self.width is None else write_width(read_width(str(self.width)))
        if self.columns and not self.sweep:
            raise WeeError(
                f"setting.{next(iter(self.columns))} names a setting of a sweep, and setting.sweep is empty: give "
                "setting.sweep=NAME"
            )

    @property
    def columns(self) -> dict[str, Any]:
        """The columns that are compared, with their values as they are written in a table."""
        return {name: getattr(self, name) for name in self.names() if getattr(self, name) is not None}

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the columns."""
        return [entry.name for entry in fields(cls) if entry.name != "sweep"]


def check_choice(
    budget: Mapping[str, float], target: float | None, stages: int, cost: str, setting: SettingConfig | None = None
) -> None:
    """Check how a setting is to be chosen: within a budget, by a target, or by its name in a sweep.

    Args:
        budget: the largest average cost, by the name of the cost; empty for none.
        target: the value of the task to reach, in per cent; None for none.
        stages: the largest number of stages.
        cost: the name of the cost that settings are priced by.
        setting: a setting of a sweep; None or one without a sweep for none.

    Raises:
        WeeError: none or several of these are given, or a number is out of range.
    """
    ways = [bool(budget), target is not None, setting is not None and bool(setting.sweep)]
    if sum(ways) != 1:
        raise WeeError(
            f"choose a setting in one of three ways: a budget (budget.{cost}=1e6), a target (target=80), or by its name in a "
            "sweep (setting.sweep=NAME setting.scale=s3 setting.width=0.2)"
        )
    if budget and list(budget) != [cost]:
        raise WeeError(
            f"budget is about {' and '.join(budget)}, and settings are priced by cost={cost}: give budget.{cost}"
        )
    for name, value in budget.items():
        if not value > 0:
            raise WeeError(f"budget.{name} is {value:g}: it is an average cost, more than 0")
    if stages < 1:
        raise WeeError(f"stages is {stages}: it is the largest number of stages, 1 or more")


@dataclass(frozen=True)
class CascadePlan:
    """How a cascade is to be made.

    Attributes:
        task: the name of the task.
        score: the name of the confidence that decides, and that predictions are accepted by.
        sizes: the largest number of stages.
        budget: the largest average cost, by the name of the cost; empty if the setting is chosen otherwise.
        target: the value of the task to reach, in per cent; None if the setting is chosen otherwise.
        guarantee: what is to be guaranteed.
        replaces: whether a stage replaces the output of the stages before it, instead of averaging with them.
        temperature: whether the logits of each member are divided by a temperature that is fitted on the tuning samples.
        bootstrap: the intervals of the expected numbers.
        seed: the seed of the split of the validation set.
        setting: the record of the setting of a sweep that was named; None if the setting is searched for.
    """

    task: str
    score: str
    sizes: int
    budget: Mapping[str, float]
    target: float | None
    guarantee: GuaranteeConfig
    replaces: bool
    temperature: bool
    bootstrap: BootstrapConfig
    seed: int
    setting: Mapping[str, Any] | None = None

    def describe(self) -> dict[str, Any]:
        """The plan as plain data."""
        return asdict(self)
