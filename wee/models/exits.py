"""What a multi-exit network offers to those who run it exit by exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class MultiExit(Protocol):
    """A network with exits along its depth, which can go on from the features that it has computed."""

    @property
    def exits(self) -> int:
        """The number of exits."""
        ...

    def resume(self, state: Sequence[Tensor], done: int, exit: int) -> tuple[Tensor, list[Tensor]]:
        """Run the network from one exit to a later one; nothing before the first of them is computed again.

        Args:
            state: what this method returned with the logits of exit number `done`: tensors whose first dimension is the
                samples, so that some of the samples may be selected. For `done` = 0, a list of the images alone.
            done: the number of the exit that has been reached, counted from 1; 0 if none has.
            exit: the number of the exit to run to, greater than `done`.

        Returns:
            The logits of that exit [n, classes], and the state from which the network goes on.
        """
        ...


@dataclass(frozen=True)
class Exit:
    """An exit of a multi-exit network, as a member of a cascade.

    Attributes:
        network: the network, a `MultiExit`.
        number: of the exit, counted from 1.
    """

    network: nn.Module
    number: int
