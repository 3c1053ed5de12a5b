"""Cascades that decide on logits which the user's own program computes, in place of networks that run here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from wee.cascade.description import CascadeDescription
from wee.cascade.module import Cascade, Prediction
from wee.data.logit_files import as_array, check_not_probabilities
from wee.errors import WeeError
from wee.method.arrays import Ints
from wee.units import counted

Lazy = Callable[[Ints], ArrayLike]
"""Computes the logits [n, classes] of some samples, given their places in 0 .. N - 1 in ascending order [n]."""

Logits = ArrayLike | Sequence[ArrayLike | Lazy] | Mapping[Any, ArrayLike | Lazy]
"""The logits of several networks: an array [networks, N, classes], a sequence, or a mapping."""


class LogitCascade:
    """A cascade that is given logits. It decides as `wee.Cascade` does, by the same rule, from the same scores.

    It is returned by `wee.load_logit_cascade` and by `wee.Calibration.on_logits`.

    Args:
        cascade: the cascade; its networks are not run.
        names: the name of the network of each stage, in the order in which they run.
        numbers: the place of the network of each stage along the first axis of logits [networks, N, classes]; None if logits
            are given by name alone.
        description: the description of a cascade that was loaded from a folder.

    Attributes:
        names, numbers, description: as above. `description` says what to expect of the cascade, and what is certified.
    """

    def __init__(
        self,
        cascade: Cascade,
        names: Sequence[str],
        numbers: Sequence[int] | None,
        description: CascadeDescription | None = None,
    ) -> None:
        self._cascade, self.names, self.numbers, self.description = cascade, list(names), numbers, description

    @classmethod
    def load(cls, folder: str | Path) -> LogitCascade:
        """Load the cascade that `wee calibrate` saved in a folder, with or without weights.

        Its `names` are like "mynet/small member 1". Its `numbers` are those of the members, or those of the exits minus 1; None
        if the networks have several scales or families, or are exits of several members.

        Args:
            folder: the folder, with `cascade.json`.

        Raises:
            WeeError: the folder is not that of a cascade, was written by a newer version, or a file is missing or changed.
        """
        description = CascadeDescription.load(Path(folder))
        stages = description.stages
        cascade = Cascade(
            [nn.Identity() for _ in stages],
            description.rule,
            description.score,
            description.combine,
            [stage.temperature for stage in stages],
            description.acceptance,
            summing_order=description.summing_order,
        )
        axes = {(stage.family, stage.scale, None if stage.exit is None else stage.member) for stage in stages}
        numbers = [stage.member if stage.exit is None else stage.exit - 1 for stage in stages]
        return cls(cascade, [stage.name for stage in stages], numbers if len(axes) == 1 else None, description)

    def __len__(self) -> int:
        """The number of stages."""
        return len(self.names)

    def __call__(self, logits: Logits, ids: ArrayLike | None = None, count: int | None = None) -> Prediction:
        """Decide on N samples.

        Args:
            logits: the logits of the networks, as floating-point numbers, not divided by temperatures:

                - an array [networks, N, classes] whose first axis is that of the imported logits, so that member 1 is
                  `logits[1]`, whatever the order in which the cascade runs them;
                - or a list of networks in that order, or a mapping from `names` or numbers to networks. A network is an array
                  [N, classes], or a function that computes the logits of the samples that reach its stage: it is given their
                  places in 0 .. N - 1, an array of integers [n], and returns [n, classes]. It is not called if none do.

            ids: the ids of the samples [N], as bytes; only a random rule, or one of a plug-in, reads them.
            count: N; needed if all networks are functions.

        Returns:
            The prediction, with torch tensors on the CPU: `label` [N], `confidence` [N], `stage` [N] (counted from 0),
            `accepted` [N] and `probabilities` [N, classes].

        Raises:
            WeeError: a network of the cascade is missing, shapes do not fit, or values are not finite, are no floating-point
                numbers, or are probabilities.
        """
        networks = [self._network(logits, stage) for stage in range(len(self))]
        samples = self._count(networks, count)
        classes = None if self.description is None else len(self.description.classes)
        lazy = [_checked(name, network, classes) for name, network in zip(self.names, networks, strict=True)]
        return self._cascade.replay(lazy, ids, samples)

    def _network(self, logits: Logits, stage: int) -> Any:
        """Return the logits of a stage, or the function that computes them.

        Raises:
            WeeError: there are none.
        """
        name = self.names[stage]
        if isinstance(logits, Mapping):
            keys = [name] if self.numbers is None else [name, self.numbers[stage]]
            for key in keys:
                if key in logits:
                    return logits[key]
            raise WeeError(f"there are no logits of {name}; the keys are {', '.join(map(repr, logits)) or 'none'}")
        if self.numbers is None:
            raise WeeError(
                "the cascade has networks of several kinds, so their logits are given by name: a mapping with the keys "
                f"{', '.join(map(repr, self.names))}"
            )
        if isinstance(logits, np.ndarray | Tensor) and logits.ndim != 3:
            raise WeeError(f"the logits have shape {list(logits.shape)}: expected is [networks, samples, classes]")
        if not hasattr(logits, "__len__"):
            raise WeeError(
                f"the logits are {logits!r}: expected is an array [networks, samples, classes], a list or a mapping"
            )
        networks: Sequence[Any] = logits  # type: ignore[assignment]
        number = self.numbers[stage]
        if number >= len(networks):
            numbers = ", ".join(map(str, self.numbers))
            raise WeeError(
                f"there are logits of {counted(len(networks), 'network')}, and the cascade runs number {number}, counted "
                f"from 0: give all in the order in which they were imported, or a mapping with the keys {numbers}"
            )
        return networks[number]

    def _count(self, networks: Sequence[Any], count: int | None) -> int:
        """Return the number of samples.

        Raises:
            WeeError: it is not known or not positive, arrays have different numbers, or a network is neither an array nor a
                function.
        """
        given: Any = count
        if given is not None and not (isinstance(given, Integral) and int(given) > 0):
            raise WeeError(f"count is {count!r}: it is the number of samples, 1 or more")
        for name, network in zip(self.names, networks, strict=True):
            if not callable(network) and not hasattr(network, "__len__"):
                raise WeeError(
                    f"the logits of {name} are {network!r}: expected is an array [samples, classes] or a function"
                )
        counts = {name: len(known) for name, known in zip(self.names, networks, strict=True) if not callable(known)}
        counts |= {} if count is None else {"count": count}
        if not counts:
            raise WeeError("all networks are functions: give the number of samples, count=N")
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name}: {number}" for name, number in counts.items())
            raise WeeError(f"the networks have different numbers of samples: {listed}")
        return next(iter(counts.values()))


def _checked(name: str, network: Any, classes: int | None) -> Callable[[Ints], NDArray[np.floating]]:
    """Return a function that gives the logits of a network for some samples, after checking them."""
    what = f"the logits of {name}"

    def logits_of(places: Ints) -> NDArray[np.floating]:
        if callable(network):
            given = as_array(what, network(places))
        else:
            given = as_array(what, network)
            given = given[places] if given.ndim == 2 else given
        if given.ndim != 2 or len(given) != len(places) or classes not in (None, given.shape[1]):
            expected = f"[{len(places)}, {'classes' if classes is None else classes}]"
            raise WeeError(f"{what} have shape {list(given.shape)}: expected is {expected}")
        if not np.issubdtype(given.dtype, np.floating):
            raise WeeError(f"{what} are of type {given.dtype}: expected are floating-point numbers")
        if not np.isfinite(given).all():
            raise WeeError(f"{what} are not all finite")
        check_not_probabilities(what, given)
        return given

    return logits_of
