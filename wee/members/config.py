"""Typed config of the members of an ensemble. Imports no torch, so that commands start fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wee.app.fields import Checked, as_list, as_lists, written
from wee.errors import WeeError, unknown


@dataclass
class EnsembleConfig:
    """Which members make ensembles.

    Attributes:
        size: number of members in one ensemble, M.
        members: the available members: a count (2 means 0 and 1) or a list of numbers.
        orders: in which order a cascade runs them: "all" (every permutation of every choice of M members, up to the caps
            below; the paper averages both orders of two), "given" (as numbered), a number (that many orders of every
            choice of M members), or a list of orders such as [[0, 1], [1, 0]], all of which are run.
        max_orders: the largest number of orders of the same M members where orders is "all".
        max_cascades: the largest number of cascades at one scale, or of one choice of scales. Orders are left out before
            choices of members are.
        seed: seed of the draw of orders and choices of members where not all of them are run. All members are used, and
            run first, equally often, to within one.
        scales: null for cascades within each scale; for stages of different scales, a list of them in order such as
            [s1, s3], or of "family/scale", or a list of such lists.
        exits: for multi-exit members: the exits that a cascade uses, counted from 1, such as [3, 5], or a list of such
            lists; null for every pair with the last.
        combine: "average" the outputs of the stages so far, or "replace" them by the latest stage's. Ensembles that always
            run all members are averages in either case.
        temperature: whether to divide every member's logits by a temperature before they are mixed. It is fitted on the whole
            validation set, which also sets tau and the windows.
    """

    size: int = 2
    members: Checked[list[int]] = written(2)
    orders: Checked[str | int | list[list[int]]] = written("all")
    max_orders: int = 24
    max_cascades: int = 240
    seed: int = 0
    scales: Checked[list[list[str]]] = written(None)
    exits: Checked[list[list[int]]] = written(None)
    combine: str = "average"
    temperature: bool = False

    def __post_init__(self) -> None:
        if self.combine not in ("average", "replace"):
            raise unknown("value of ensemble.combine", self.combine, ["average", "replace"])
        self.scales = as_lists("ensemble.scales", self.scales)
        self.exits = as_lists("ensemble.exits", self.exits)
        for exits in self.exits:
            if (
                any(isinstance(e, bool) or not isinstance(e, int) or e < 1 for e in exits)
                or sorted(set(exits)) != exits
            ):
                raise WeeError(f"ensemble.exits: {exits} is no ascending list of exits, counted from 1")
        members: Any = self.members
        counted = isinstance(members, int) and not isinstance(members, bool)
        self.members = list(range(members)) if counted else as_list(members)
        for member in self.members:
            check_member(member)
        if len(set(self.members)) < len(self.members):
            raise WeeError(f"ensemble.members names a member twice: {self.members}")
        if not 1 <= self.size <= len(self.members):
            raise WeeError(
                f"ensemble.size is {self.size}, but there are {len(self.members)} members ({self.members}): "
                f"give a size from 1 to {len(self.members)}, or more with ensemble.members={max(self.size, 2)}"
            )
        for key, least in (("max_orders", 1), ("max_cascades", 1), ("seed", 0)):
            if getattr(self, key) < least:
                raise WeeError(f"ensemble.{key} is {getattr(self, key)}: it must be a whole number from {least} on")
        self._check_orders()

    def _check_orders(self) -> None:
        if isinstance(self.orders, int) and not isinstance(self.orders, bool):
            if self.orders < 1:
                raise WeeError(
                    f"ensemble.orders is {self.orders}: a number of orders is 1 or more; 'all' runs every order"
                )
            return
        if not isinstance(self.orders, (list, tuple)):
            if self.orders not in ("all", "given"):
                raise unknown("value of ensemble.orders", self.orders, ["all", "given", "24", "[[0, 1], [1, 0]]"])
            return
        self.orders = as_list(self.orders)
        if not self.orders:
            raise WeeError("ensemble.orders is an empty list: name at least one order, or run 'all'")
        for k, order in enumerate(self.orders):
            wrong = not isinstance(order, list) or len(order) != self.size or len(set(order)) != len(order)
            if wrong or not set(order) <= set(self.members):
                raise WeeError(
                    f"ensemble.orders: {order!r} is no order of {self.size} different members out of {self.members}"
                )
            if order in self.orders[:k]:
                raise WeeError(f"ensemble.orders has {order} twice")


def check_member(member: object) -> None:
    """Check that a value is a member number.

    Raises:
        WeeError: the value is not a whole number from 0 on.
    """
    if isinstance(member, bool) or not isinstance(member, int) or member < 0:
        raise WeeError(f"{member!r} is no member: members are numbered 0, 1, 2, ..")
