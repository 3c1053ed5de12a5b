"""The plan of a sweep: what is computed, as one typed object that has been checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.method import OOD_SHARE, POLICIES, Convention, Metric, Task
from wee.method.policies import Role
from wee.sweep.config import BootstrapConfig, CertifiedConfig, PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.pool import Pool
from wee.sweep.settings import Lineup, Setting, all_lineups, settings


@dataclass(frozen=True)
class Plan:
    """What a sweep computes: the configs of its parts, and the names of its OOD and shifted sets.

    `guarantee` is about certified metrics; without any, no number depends on it. `ood_share` has the shares of OOD data in the
    streams that are evaluated with each OOD set.

    Raises:
        WeeError: a task or metric does not exist, or a metric or a share needs OOD data and there is none.
    """

    ensemble: EnsembleConfig
    policy: PolicyConfig
    window: WindowConfig
    score: ScoreConfig
    task: TaskConfig
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    ood: Sequence[str] = ()
    shift: Sequence[str] = ()
    guarantee: CertifiedConfig = field(default_factory=CertifiedConfig)
    ood_share: Sequence[float] = (OOD_SHARE,)

    def __post_init__(self) -> None:
        for role in Role:  # making a policy checks the values of its parameters
            list(settings(role, self.ensemble.size, self.policy, self.window, self.score, self.tasks, self.convention))
        measured_for: dict[str, Task] = {}
        for metric in (metric for task in self.tasks for metric in Metric.deployed_for(task)):
            other = measured_for.setdefault(metric.name, metric.operated_for or self.tasks[0])
            if other != metric.operated_for:
                raise WeeError(
                    f"{metric.name} would be measured for two tasks, {other} and {metric.operated_for}, under the same "
                    "name: sweep these tasks one by one"
                )
        if all(policy.by_task() for policy in map(POLICIES.find, self.policy.names)):
            for metric in self.certified:
                if metric.operated_for not in self.tasks:
                    raise WeeError(
                        f"{metric.name} is measured for windows that are set for {metric.operated_for} alone, and task.names "
                        f"has {', '.join(map(str, self.tasks))}: name {metric.operated_for} there, or add other policies"
                    )
        if list(self.ood_share) != [OOD_SHARE] and not self.ood:
            shares = ",".join(f"{share:g}" for share in self.ood_share)
            raise WeeError(
                f"ood_share=[{shares}] is about OOD data, and ood is empty: choose OOD sets, or leave it out"
            )
        for metric in self.metrics:
            if not metric.on_id and not self.ood:
                raise WeeError(
                    f"{metric.name} is about OOD data, and ood is empty: choose OOD sets, for instance ood=[photos]"
                )

    @property
    def tasks(self) -> list[Task]:
        """The tasks that windows are set for."""
        return [Task.parse(name) for name in self.task.names]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that are measured: all tasks and other metrics of the config, and the deployed metrics of every task."""
        named = [Metric.parse(name) for name in [*self.task.names, *self.task.metrics]]
        deployed = [metric for task in self.tasks for metric in Metric.deployed_for(task)]
        metrics = {metric.name: metric for metric in [*named, *deployed]}
        for metric in metrics.values():
            if metric.deployed is not None and metric.operated_for is None:
                raise WeeError(
                    f"task.metrics has {metric.name}: deployed metrics are measured for every task in task.names; "
                    "name the task there instead"
                )
        return list(metrics.values())

    @property
    def certified(self) -> list[Metric]:
        """The certified metrics that are measured."""
        return [metric for metric in self.metrics if metric.certified is not None]

    @property
    def certifies(self) -> bool:
        """Whether certified metrics are measured."""
        return bool(self.certified)

    def certified_for(self, task: Task | None = None) -> list[Task]:
        """Return the tasks whose risks are certified for a setting.

        Args:
            task: the task that the setting is for; None for any task.
        """
        tasks = [metric.operated_for for metric in self.measured(task, certified=True)]
        return [task for task in dict.fromkeys(tasks) if task is not None]

    def measured(self, task: Task | None, certified: bool = False) -> list[Metric]:
        """Return the metrics that are measured for a setting: without certified ones, or these alone.

        Args:
            task: the task that the setting is for, whose deployed and certified metrics alone are measured; None for any task.
            certified: whether to return the certified metrics.
        """
        metrics = [metric for metric in self.metrics if (metric.certified is not None) == certified]
        return [metric for metric in metrics if task is None or metric.operated_for in (None, task)]

    @property
    def splits(self) -> list[SplitName]:
        """The splits of the store that are read."""
        return [VAL, TEST, *(SplitName.ood(name) for name in self.ood), *self.shifted]

    @property
    def labelled(self) -> list[SplitName]:
        """The splits that are not OOD sets."""
        return [VAL, TEST, *self.shifted]

    @property
    def shifted(self) -> list[SplitName]:
        """The splits that are shifted test sets."""
        return [SplitName.shifted(name) for name in self.shift]

    @property
    def convention(self) -> Convention:
        """How curves are read."""
        return cast("Convention", self.task.convention)

    def settings(self, lineup: Lineup) -> list[Setting]:
        """Return the settings of a lineup."""
        configs = (self.policy, self.window, self.score, self.tasks, self.convention)
        return list(settings(lineup.role, len(lineup.places), *configs))

    def points(self, pool: Pool) -> int:
        """Return the number of settings to run on a pool."""
        return sum(len(self.settings(lineup)) for lineup in all_lineups(pool, self.ensemble))
