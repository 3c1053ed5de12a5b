"""What every policy is: something that is fitted on the validation set, and carries all that others need to know of it."""

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
from wee.method.curves import Convention
from wee.method.metrics import Task
from wee.method.policies.rules import Rule

GIVEN = ("score", "task", "convention")
"""Fields of a policy that a sweep fills in from its scores, its tasks and its convention; all others are parameters."""


PARAMETERS = "parameters"
"""The column of tables that names the parameters of a policy that has no column of its own for them."""


class Role(StrEnum):
    """How networks work together, and so which policies apply to them."""

    ALONE = auto()
    """A single network."""
    TOGETHER = auto()
    """A set of networks that all always run, and whose outputs are averaged."""
    LAST = auto()
    """A set of networks that all always run, for the output of the last."""
    CASCADE = auto()
    """Networks that run one after the other, as far as a sample needs them."""

    @property
    def needs(self) -> str:
        """What a sweep needs for policies of this role, as it reads in a message."""
        return {
            Role.ALONE: "networks of one scale",
            Role.TOGETHER: "ensemble.size of 2 or more",
            Role.LAST: "ensemble.combine=replace and ensemble.size of 2 or more",
            Role.CASCADE: "ensemble.size of 2 or more, or several exits",
        }[self]


@dataclass(frozen=True)
class Look:
    """How the line of a policy is drawn.

    Colours of built-in policies are those of Okabe and Ito (2008), and every policy has a marker and a dash of its own, so
    that figures can be read without colour.

    Attributes:
        colour: of its line and markers.
        marker: as matplotlib names it.
        dash: the line style.
        order: lines of a higher order are drawn over others.
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
"""The looks of plug-ins that have none of their own, in the order in which they are found (colours of Tol, 2021)."""


@dataclass(frozen=True)
class Context:
    """What a sweep offers to a policy that enumerates its settings.

    Attributes:
        stages: number of networks that run one after the other.
        scores: the confidences that may decide.
        tasks: the tasks that a policy may be set for.
        convention: how curves are read.
        parameters: the values of each parameter, by the name of the policy's field. A parameter that is not a field of the
            policy is for others; a field that is not among them keeps its default.
    """

    stages: int
    scores: Sequence[str]
    tasks: Sequence[Task]
    convention: Convention
    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict)


class Policy(ABC):
    """Something that decides who goes on to the next stage, before it is fitted.

    A policy is a frozen dataclass. The fields `score`, `task` and `convention`, where it has them, are filled in by a sweep;
    all other fields are its parameters, and must be given in the config unless they have defaults.

    Attributes:
        name: what users type and tables contain.
        label: what figures call it.
        help: one line for `--help`.
        look: how its line is drawn; that of a plug-in which has none is the next one of `PALETTE`.
        role: the networks that it applies to.
        baseline: whether its points make a curve through the scales that all other policies are compared with.
        adjustable: whether a rule can be moved to an unlabelled stream; see `adjust`.
        adjusted_label, adjusted_look: how the line of its adjusted rules is called and drawn.
        summarised: whether the short tables that a sweep prints have a line for it.
        column: the column of the table by which its parameters are told apart; None if it has none.
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
        """The rule for any data set, from the stages on the validation set."""

    def adjust(self, rule: Rule, id_stream: Stages, ood_stream: Stages) -> Rule:
        """The rule moved to an unlabelled stream that is half ID and half OOD; for policies that are `adjustable`.

        Args:
            rule: as fitted on the validation set.
            id_stream, ood_stream: the stages on the stream; labels are not looked at, the sets may differ in size.
        """
        raise NotImplementedError(f"the policy {self.name} is adjustable, and has no adjust()")

    def counterpart(self, rule: Rule, validation: Stages) -> Rule | None:
        """The single threshold that a rule of this policy is compared with; None for no such comparison."""
        return None

    def fits(self, stages: int) -> bool:
        """Whether the parameters are for cascades of that number of stages."""
        return True

    def columns(self) -> dict[str, Any]:
        """The columns of the table that tell the settings of this policy apart, as far as it has them.

        These are `width` (the width of a window: a number, a text), `fraction` (a number) and `parameters` (a text); by
        default, the parameters that are given in the config, such as "share=0.3".
        """
        pairs = ((name, getattr(self, name)) for name in self.parameters())
        text = ", ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in pairs
        )
        return {PARAMETERS: text} if text else {}

    @classmethod
    def settings(cls, context: Context) -> Iterator[Policy]:
        """Every combination of scores, tasks and parameters: the first field of `fields` varies slowest.

        Raises:
            WeeError: a parameter that has no default is not given, or a value is refused by the policy.
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
        """The names of the fields of the dataclass."""
        return [entry.name for entry in dataclasses.fields(cls) if entry.init] if dataclasses.is_dataclass(cls) else []

    @classmethod
    def parameters(cls) -> list[str]:
        """The names of the fields that are set in the config."""
        return [name for name in cls.fields() if name not in GIVEN]

    @classmethod
    def by_score(cls) -> bool:
        """Whether a confidence decides, so that each confidence is a setting."""
        return "score" in cls.fields()

    @classmethod
    def by_task(cls) -> bool:
        """Whether it is set for a task, so that each task is a setting."""
        return "task" in cls.fields()

    @classmethod
    def check_parameters(cls, given: Sequence[str], known: Sequence[str] = ()) -> None:
        """Check the names of parameters against the fields of the class.

        Args:
            given: the names of the parameters that are given for this policy.
            known: the names of those that are given for all policies.

        Raises:
            WeeError: the policy has no such parameter, the parameter is filled in by the sweep, or one without a default is
                missing.
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
