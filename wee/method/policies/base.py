"""The base class of policies, with the attributes that sweeps and figures need."""

from __future__ import annotations

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any, ClassVar

from wee.errors import WeeError, unknown
from wee.method.cascades import Stages
from wee.method.curves import OOD_SHARE, Convention
from wee.method.metrics import Task
from wee.method.policies.rules import Rule

GIVEN = ("score", "task", "convention")
"""Fields of a policy that a sweep fills in from its scores, its tasks and its convention; all others are parameters."""


PARAMETERS = "parameters"
"""The column of tables for the parameters of a policy that has no other column for them."""


class Role(StrEnum):
    """How networks are combined, which determines the policies that apply to them."""

    ALONE = auto()
    """A single network."""
    TOGETHER = auto()
    """A set of networks that run on every sample, and whose outputs are averaged."""
    LAST = auto()
    """A set of networks that run on every sample, with the output of the last."""
    CASCADE = auto()
    """Networks that run in sequence until a sample leaves."""

    @property
    def needs(self) -> str:
        """The settings that a sweep needs for policies of this role, for messages."""
        return {
            Role.ALONE: "networks of one scale",
            Role.TOGETHER: "ensemble.size of 2 or more",
            Role.LAST: "ensemble.combine=replace and ensemble.size of 2 or more",
            Role.CASCADE: "ensemble.size of 2 or more, or several exits",
        }[self]


@dataclass(frozen=True)
class Look:
    """The style of the line of a policy on figures.

    Colours of built-in policies are those of Okabe and Ito (2008). Every policy has a different marker and line style, so
    that figures are readable without colour.

    Attributes:
        colour: the colour of the line and its markers.
        marker: the marker, as matplotlib names it.
        dash: the line style of matplotlib.
        order: the drawing order; lines with a higher order are drawn over others.
    """

    colour: str
    marker: str
    dash: Any = "-"
    order: float = 2


PALETTE = (
    Look("#332288", "p", (0, (6, 1, 1, 1))),
    Look("#882255", "h", (0, (2, 1))),
    Look("#999933", "<", (0, (6, 2, 2, 2))),
    Look("#117733", ">", (0, (3, 2))),
    Look("#661100", "*", (0, (1, 2))),
)
"""The looks of plug-ins that define none, in the order in which plug-ins are loaded (colours of Tol, 2021)."""


@dataclass(frozen=True)
class Context:
    """The scores, tasks and parameters of a sweep, from which a policy enumerates its settings.

    Attributes:
        stages: number of stages of the cascade.
        scores: names of the confidences that can decide.
        tasks: the tasks that a policy can be set for.
        convention: the convention of curves.
        parameters: the values of each parameter, by the name of the policy's field. Parameters that are not fields of the
            policy are ignored; fields without a parameter keep their defaults.
    """

    stages: int
    scores: Sequence[str]
    tasks: Sequence[Task]
    convention: Convention
    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict)


class Policy(ABC):
    """A method of deciding which samples go on to the next stage, to be fitted on the validation set.

    A policy is a frozen dataclass. A sweep fills in the fields `score`, `task` and `convention` if the policy has them; all
    other fields are parameters, and must be given in the config unless they have defaults.

    Attributes:
        name: the name that users type and that tables contain.
        label: the name on figures.
        help: a description of one line, for `--help`.
        look: the style of its line; a plug-in without one gets the next of `PALETTE`.
        role: the role of the networks that it applies to.
        baseline: whether its points form a curve over the scales that other policies are compared with.
        adjustable: whether a rule can be adjusted to an unlabelled stream; see `adjust`.
        adjusted_label, adjusted_look: the label and the style of the line of its adjusted rules.
        summarised: whether the short tables that a sweep prints have a line for it.
        column: the column of the table that distinguishes its parameters; None if it has no parameters.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    look: ClassVar[Look]
    role: ClassVar[Role] = Role.CASCADE
    baseline: ClassVar[bool] = False
    adjustable: ClassVar[bool] = False
    adjusted_label: ClassVar[str] = ""
    adjusted_look: ClassVar[Look | None] = None
    summarised: ClassVar[bool] = True
    column: ClassVar[str | None] = None

    @abstractmethod
    def fit(self, validation: Stages) -> Rule:
        """Fit the policy to the stages on the validation set, and return its rule."""

    def adjust(self, rule: Rule, id_stream: Stages, ood_stream: Stages, ood_share: float = OOD_SHARE) -> Rule:
        """Adjust a rule to an unlabelled stream of ID and OOD data; only for policies that are `adjustable`.

        Args:
            rule: the rule fitted on the validation set.
            id_stream, ood_stream: the stages on the ID and OOD samples of the stream, which may differ in number. Labels are
                not used.
            ood_share: the share of OOD data in the stream, in (0, 1), whatever the numbers of samples.
        """
        raise NotImplementedError(f"the policy {self.name} is adjustable, and has no adjust()")

    def counterpart(self, rule: Rule, validation: Stages) -> Rule | None:
        """Return the single threshold that a rule of this policy is compared with; None if there is no such comparison."""
        return None

    def fits(self, stages: int) -> bool:
        """Return whether the parameters are valid for a cascade with a number of stages."""
        return True

    def columns(self) -> dict[str, Any]:
        """Return the values of the columns of the table that distinguish the settings of this policy.

        The columns are `width` (of a window: a number, a tuple or "all"), `fraction` (a number) and `parameters` (a text). By
        default it is the text of the parameters, such as "share=0.3".
        """
        pairs = ((name, getattr(self, name)) for name in self.parameters())
        text = ", ".join(f"{name}={value}" for name, value in pairs)
        return {PARAMETERS: text} if text else {}

    @classmethod
    def settings(cls, context: Context) -> Iterator[Policy]:
        """Yield the policy with every combination of scores, tasks and parameters that fits the number of stages.

        The score varies slowest, then the task, then the parameters in the order of the fields.

        Raises:
            WeeError: the policy does not accept a value.
        """
        values: dict[str, Sequence[Any]] = {
            "score": context.scores, "task": context.tasks, "convention": [context.convention],
        }  # fmt: skip
        values |= {name: context.parameters[name] for name in cls.parameters() if name in context.parameters}
        names = [name for name in (*GIVEN, *cls.parameters()) if name in cls.fields() and name in values]
        for chosen in itertools.product(*(values[name] for name in names)):
            policy = cls(**dict(zip(names, chosen, strict=True)))
            if policy.fits(context.stages):
                yield policy

    @classmethod
    def fields(cls) -> list[str]:
        """Return the names of the fields of the dataclass."""
        return [entry.name for entry in dataclasses.fields(cls) if entry.init] if dataclasses.is_dataclass(cls) else []

    @classmethod
    def parameters(cls) -> list[str]:
        """Return the names of the fields that are set in the config."""
        return [name for name in cls.fields() if name not in GIVEN]

    @classmethod
    def by_score(cls) -> bool:
        """Return whether the policy has a score, so that each score is a setting."""
        return "score" in cls.fields()

    @classmethod
    def by_task(cls) -> bool:
        """Return whether the policy is set for a task; each task of a sweep is then a separate setting."""
        return "task" in cls.fields()

    @classmethod
    def check_parameters(cls, given: Sequence[str], known: Sequence[str] = ()) -> None:
        """Check the names of parameters against the fields of the class.

        Args:
            given: the names of the parameters that are given for this policy.
            known: the names of the parameters that are given for all policies.

        Raises:
            WeeError: the policy has no such parameter, the parameter is filled in by the sweep, or a parameter without a
                default is missing.
        """
        for name in given:
            if name in GIVEN:
                raise WeeError(
                    f"policy.parameters has {name} for {cls.name}: scores, tasks and the convention are those of the sweep "
                    "(score.exit, task.names, task.convention)"
                )
            if name not in cls.parameters():
                raise unknown("parameter", name, cls.parameters(), of=f"policy {cls.name}")
        entries: dict[str, dataclasses.Field[Any]] = getattr(cls, "__dataclass_fields__", {})
        for name in cls.parameters():
            required = entries[name].default is entries[name].default_factory is dataclasses.MISSING
            if required and name not in (*given, *known):
                raise WeeError(
                    f"the policy {cls.name} needs a value for {name}: give it in a file policy/NAME.yaml of a --config-dir, "
                    f"as parameters: {{{cls.name}: {{{name}: VALUE}}}}"
                )
