"""The live cascade: networks that run one after the other, each on the samples that its predecessors did not settle.

The decisions are those of a sweep over stored logits: the same rule decides (`StageRule.goes_on`), from the same scores, in
float64. `Cascade.replay` feeds stored logits through this very code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from wee.cascade.preparation import Preparation
from wee.data.base import Transform
from wee.errors import WeeError, unknown
from wee.lit.layout import lay_out
from wee.machine import torch_threads
from wee.method.logits import MemberOutputs, Outputs, as_stored
from wee.method.policies import FixedRule, Rule, StageRule
from wee.method.scores import DEFAULT_SCORE, SCORES, Score
from wee.models.exits import Exit, MultiExit

if TYPE_CHECKING:
    from wee.cascade.description import CascadeDescription
    from wee.method.policies.rules import Decision

COMBINATIONS = ("average", "replace")
"""How outputs are combined: the mean over what has run, or the latest alone."""

SMALLEST_SHARE = 16
"""The smallest size that batches are padded to, as a fraction of the whole batch: 1 / 16, so there are at most five sizes."""

Prepare = Callable[[int, Tensor], Tensor]
"""Gives the input of a stage: (stage, places of n samples, int64 on the CPU) to a tensor [n, channels, height, width]."""


StoredLogits = Tensor | NDArray[np.floating] | Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""The logits of a stage [N, classes], or a function that returns those of some samples [n, classes], by their places [n]."""


@dataclass(frozen=True)
class RunOptions:
    """How the networks of a cascade run. No option changes a result by more than rounding.

    Attributes:
        device: where networks and gates run, as torch names it.
        autocast: the type of `torch.autocast` for the networks; None for none. Confidences are computed in float64 anyway.
        channels_last: whether images and weights have the memory layout "channels last".
        compile: whether networks are compiled by torch.compile. Batches are then padded.
        pad: whether batches are padded to a few sizes, powers of two, so that few shapes occur.
    """

    device: str | torch.device = "cpu"
    autocast: torch.dtype | None = None
    channels_last: bool = True
    compile: bool = False
    pad: bool = False


@dataclass(frozen=True)
class Prediction:
    """What a cascade says about N samples. The tensors are on the device of the cascade.

    Attributes:
        probabilities: of the classes [N, classes], float64.
        label: the predicted class [N], int64.
        confidence: the final score [N], float64; higher = keep.
        stage: the stage at which each sample left [N], int64, counted from 0.
        accepted: whether the confidence reaches the acceptance threshold [N]; None if there is no threshold.
    """

    probabilities: Tensor
    label: Tensor
    confidence: Tensor
    stage: Tensor
    accepted: Tensor | None

    def __len__(self) -> int:
        return len(self.label)

    def cpu(self) -> Prediction:
        """The same on the CPU."""
        accepted = None if self.accepted is None else self.accepted.cpu()
        return Prediction(self.probabilities.cpu(), self.label.cpu(), self.confidence.cpu(), self.stage.cpu(), accepted)


class Cascade(nn.Module):
    """Networks that run one after the other, with a rule that decides after each which samples go on to the next.

    It is for inference: it stays in evaluation mode, and computes no gradients. The networks are moved to the device and to the
    memory layout of the options.

    Args:
        members: what runs, in order: networks from images to logits [n, classes], or exits of multi-exit networks. A whole
            multi-exit network stands for all its exits. An exit goes on from the features of the exit before it; nothing
            is computed twice.
        rule: decides who goes on.
        score: the name of the final confidence.
        combine: "average" the softmax outputs of what has run, or "replace" them by the latest.
        temperatures: what the logits of each stage are divided by; None, as a whole or for one stage, for nothing.
        acceptance: the least final confidence that is accepted; it may be infinite. None if nothing is rejected.
        transforms: how images are prepared for each stage. None if networks see the images as they come. Stages with equal
            transforms share the prepared images.
        summing_order: a number for each stage: outputs are summed in the ascending order of these numbers. None for the order
            of running. A sweep sums in the order of its pool; where a lineup runs in another order, sums of three or more
            may differ in the last bit.
        options: device, precision, memory layout, compilation.

    Raises:
        WeeError: the numbers of members, rules, temperatures or transforms do not fit; a score does not exist or cannot decide;
            the rule cannot decide stage by stage.

    Example:
        >>> from wee.method import Interval, IntervalRule
        >>> members = [nn.Sequential(nn.Flatten(), nn.Linear(12, 5)) for _ in range(2)]
        >>> cascade = Cascade(members, IntervalRule("msp", [Interval(0.2, 0.5)]), acceptance=0.4)
        >>> prediction = cascade(torch.rand(4, 3, 2, 2))
        >>> prediction.probabilities.shape
        torch.Size([4, 5])
    """

    description: CascadeDescription | None = None
    """What the folder says of a cascade that was loaded from one."""

    _anchor: Tensor
    """An empty buffer, which moves with the networks: looking for a parameter would take longer than the gate."""

    def __init__(
        self,
        members: Sequence[nn.Module | Exit],
        rule: Rule,
        score: str = DEFAULT_SCORE,
        combine: str = "average",
        temperatures: Sequence[float | None] | None = None,
        acceptance: float | None = None,
        transforms: Sequence[Transform] | None = None,
        summing_order: Sequence[int] | None = None,
        options: RunOptions | None = None,
    ) -> None:
        super().__init__()
        self.options = options or RunOptions()
        steps = _steps(members)
        for what, given in (
            ("temperatures", temperatures), ("transforms", transforms), ("places in summing_order", summing_order),
        ):  # fmt: skip
            if given is not None and len(given) != len(steps):
                raise WeeError(f"a cascade of {len(steps)} stages needs as many {what}; got {len(given)}")
        if combine not in COMBINATIONS:
            raise unknown("way to combine outputs", combine, COMBINATIONS)
        self.rule = _checked_rule(rule, len(steps))
        self.score = _checked_score(score, rule, combine)
        self.combine, self.acceptance = combine, acceptance
        self.temperatures = [1.0 if t is None else float(t) for t in temperatures or [None] * len(steps)]
        if not all(0 < temperature < float("inf") for temperature in self.temperatures):
            raise WeeError(f"temperatures must be positive and finite; they are {temperatures}")
        self.summing_order = list(range(len(steps)) if summing_order is None else summing_order)
        self.steps = nn.ModuleList(steps)
        self.preparations = nn.ModuleList()
        self.inputs: list[int] | None = None
        if transforms is not None:
            distinct: list[Transform] = []
            for transform in map(_with_tuples, transforms):
                if transform not in distinct:
                    distinct.append(transform)
            self.inputs = [distinct.index(_with_tuples(transform)) for transform in transforms]
            self.preparations.extend(Preparation(transform) for transform in distinct)
        self.register_buffer("_anchor", torch.empty(0), persistent=False)
        self.to(self.options.device).eval()
        lay_out(self.steps, self.options.channels_last)
        # Compiled modules stay out of the module tree, so that the names of parameters are those of the networks.
        self._runners: list[Callable[..., Any]] = [
            torch.compile(step, dynamic=False) if self.options.compile else step for step in steps
        ]
        self._segments = [step if isinstance(step, Segment) else None for step in steps]

    @classmethod
    def load(cls, folder: str | Path, options: RunOptions | None = None) -> Cascade:
        """Load the cascade that `wee calibrate` saved in a folder.

        Args:
            folder: the folder, with `cascade.json` and the weights.
            options: device, precision, memory layout, compilation.

        Returns:
            The cascade; its attribute `description` has the names of the classes, what to expect and what is certified.

        Raises:
            WeeError: the folder is not that of a cascade, was written by a newer version, or a file is missing or changed.
        """
        from wee.cascade.description import CascadeDescription
        from wee.cascade.folder import members_of, transforms_of

        description = CascadeDescription.load(Path(folder))
        cascade = cls(
            members_of(Path(folder), description),
            description.rule,
            description.score,
            description.combine,
            [stage.temperature for stage in description.stages],
            description.acceptance,
            transforms_of(description),
            description.summing_order,
            options,
        )
        cascade.description = description
        return cascade

    def __len__(self) -> int:
        """The number of stages."""
        return len(self._segments)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self._anchor.device

    def train(self, mode: bool = True) -> Cascade:
        """Stay in evaluation mode, whatever the mode asked for."""
        return super().train(False)

    def forward(self, images: Tensor, ids: ArrayLike | None = None) -> Prediction:
        """Classify a batch of images.

        Args:
            images: [N, channels, height, width]: bytes, or floating-point numbers in [0, 1]. Without transforms, what the
                networks see. Each stage prepares only the images that reach it.
            ids: the ids of the samples [N], as bytes; only a random rule, or one of a plug-in, reads them.

        Raises:
            WeeError: there are no images, their shape is another one, they are bytes and there are no transforms, or the logits
                of a network have a wrong shape.
        """
        if images.ndim != 4:
            raise WeeError(f"images must be [N, channels, height, width]; they are {list(images.shape)}")
        if self.inputs is None and not images.is_floating_point():
            raise WeeError("images as bytes have to be prepared: give the cascade transforms")
        with torch.inference_mode():
            device = self.device
            images = images if images.device == device else images.to(device, non_blocking=True)
            return self._cascade(len(images), ids, _Networks(self, len(images), images=images))

    def run_prepared(self, prepare: Prepare, count: int, ids: ArrayLike | None = None) -> Prediction:
        """Classify samples whose inputs are prepared elsewhere, for instance read from files.

        Args:
            prepare: gives the input of a stage for some samples, given their places in 0 .. N - 1 in ascending order. It is
                asked once for all stages with equal transforms, and for every stage if the cascade has no transforms.
            count: N.
            ids: as of `forward`.

        Raises:
            WeeError: there are no samples, or the logits of a network have a wrong shape.
        """
        with torch.inference_mode():
            return self._cascade(count, ids, _Networks(self, count, prepare=prepare))

    def replay(
        self, logits: Sequence[StoredLogits], ids: ArrayLike | None = None, count: int | None = None
    ) -> Prediction:
        """Decide on stored logits as on those of the networks. On the CPU, results equal those of a sweep to the last bit.

        Args:
            logits: of each stage, all samples [N, classes] each, any floating-point type; not divided by temperatures. Or, of a
                stage, a function that returns the logits of the samples that reach it [n, classes], given their places in
                0 .. N - 1 in ascending order [n].
            ids: as of `forward`.
            count: N; None for the number of logits of the first stage, which is then no function.

        Raises:
            WeeError: there are no samples, or the shapes do not fit.
        """
        if len(logits) != len(self):
            raise WeeError(f"a cascade of {len(self)} stages needs logits of as many; got {len(logits)}")
        with torch.inference_mode():
            samples = len(cast("NDArray[np.floating]", logits[0])) if count is None else count
            return self._cascade(samples, ids, _Stored(logits, samples, self.device))

    def _cascade(self, count: int, ids: ArrayLike | None, source: _Source) -> Prediction:
        """Run stage by stage, on the samples that are left.

        A stage waits for the device once: for the number of samples that go on, which gives the next shapes.
        """
        if not count:
            raise WeeError("a cascade needs one sample or more; there are none")
        known = None if ids is None or not getattr(self.rule, "reads_ids", True) else np.asarray(ids, dtype=np.bytes_)
        if known is not None and known.shape != (count,):
            raise WeeError(f"{count} samples need as many ids; the ids have the shape {list(known.shape)}")
        record = _Record()
        places: Tensor | None = None
        outputs: Outputs | None = None
        classes: int | None = None
        last = len(self) - 1
        for stage in range(last + 1):
            logits = source.logits(stage)
            left = count if places is None else len(places)
            classes = logits.shape[-1] if classes is None else classes
            if logits.shape != (left, classes):
                raise WeeError(
                    f"the logits of stage {stage} must be [{left}, {classes}], samples and classes; they are "
                    f"{list(logits.shape)}"
                )
            several = logits.device.type == "cpu" and torch.get_num_threads() > 1
            with torch_threads(1) if several else nullcontext():  # as sweeps do, for the same sums
                outputs = self._combined(outputs, stage, logits)
                confidences = _Confidences(outputs)
                decision = stage < last and self.rule.goes_on(stage, confidences, known)
                chosen = _places(decision, left, logits.device)
                if len(chosen) == left:
                    continue
                record.put(stage, places, outputs, confidences[self.score.name])
                if isinstance(chosen, range) or not len(chosen):
                    break
                outputs = outputs.take(chosen) if self.combine == "average" else outputs
            source.keep(chosen, stage)
            places = chosen if places is None else places.index_select(0, chosen)
            known = None if known is None else known[chosen.cpu().numpy()]
        return record.prediction(self.acceptance)

    def _combined(self, before: Outputs | None, stage: int, logits: Tensor) -> Outputs:
        """The outputs of all that has run, or of the stage alone, for the samples that are left."""
        temperature = self.temperatures[stage]
        latest = MemberOutputs(logits if temperature == 1 else logits.to(torch.float64) / temperature)
        if before is None or self.combine == "replace":
            return Outputs.of([latest])
        earlier = sum(place < self.summing_order[stage] for place in self.summing_order[:stage])
        members = [*before.members[:earlier], latest, *before.members[earlier:]]
        return Outputs.of(members, before if earlier == stage else None)

    def _run(self, stage: int, state: list[Tensor], whole: int) -> tuple[Tensor, list[Tensor]]:
        """Run a step on prepared images, or on the features of an earlier exit.

        Args:
            stage: whose step.
            state: the images alone, or the features.
            whole: the number of samples in the whole batch.

        Returns:
            Logits, and the state from which the network may go on; empty for a network that cannot.
        """
        count, options = len(state[0]), self.options
        size = padded_size(count, whole) if options.pad or options.compile else count
        if size != count:
            state = [_padded(tensor, size) for tensor in state]
        state = [lay_out(tensor, options.channels_last) if tensor.ndim == 4 else tensor for tensor in state]
        kind = state[0].device.type
        with nullcontext() if options.autocast is None else torch.autocast(kind, dtype=options.autocast):
            result = self._runners[stage](*state)
        tensors = [result] if isinstance(result, Tensor) else list(result)
        logits, *features = tensors if size == count else [tensor[:count] for tensor in tensors]
        return logits, features


class Segment(nn.Module):
    """The part of a multi-exit network between two exits.

    Args:
        network: the network.
        done: the number of the exit before; 0 for the images.
        exit: the number of the exit at the end.
    """

    def __init__(self, network: nn.Module, done: int, exit: int) -> None:
        super().__init__()
        self.network, self.done, self.exit = network, done, exit

    def forward(self, *state: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of the exit, and the features."""
        logits, features = cast("MultiExit", self.network).resume(state, self.done, self.exit)
        return (logits, *features)


def _steps(members: Sequence[nn.Module | Exit]) -> list[nn.Module]:
    """What runs in each stage.

    Raises:
        WeeError: there are no members, an exit does not exist, or comes after a later one.
    """
    if not members:
        raise WeeError("a cascade needs one member or more; there are none")
    steps: list[nn.Module] = []
    done: dict[int, int] = {}
    for member in members:
        if isinstance(member, Exit):
            exits = [member]
        elif isinstance(member, MultiExit):
            exits = [Exit(member, number) for number in range(1, member.exits + 1)]
        else:
            steps.append(member)
            continue
        for chosen in exits:
            network, number = chosen.network, chosen.number
            if not isinstance(network, MultiExit):
                raise WeeError(f"{type(network).__name__} has no exits to go on from: it needs `exits` and resume()")
            before = done.get(id(network), 0)
            if not before < number <= network.exits:
                raise WeeError(
                    f"exit {number} of {type(network).__name__} cannot run after exit {before}: exits of a network run in "
                    f"ascending order, from 1 to {network.exits}"
                )
            steps.append(Segment(network, before, number))
            done[id(network)] = number
    return steps


def _checked_rule(rule: Rule, stages: int) -> StageRule:
    """The rule, if it can decide in a live cascade of that number of stages.

    Raises:
        WeeError: it cannot.
    """
    if not isinstance(rule, StageRule):
        raise WeeError(
            f"the rule {type(rule).__name__} cannot run live: it needs goes_on(stage, scores, ids), which decides at one stage"
        )
    check: Any = getattr(rule, "check_stages", None)
    if check is not None:
        check(stages)
    decides = getattr(rule, "score", None)
    if isinstance(decides, str) and SCORES.find(decides).several:
        raise WeeError(f"the score {decides} needs two members or more, and cannot decide who goes on")
    return rule


def _checked_score(name: str, rule: Rule, combine: str) -> Score:
    """The final confidence, if every sample that leaves has one.

    Raises:
        WeeError: there is no such score, or it needs more members than have run where samples leave.
    """
    score = SCORES.find(name)
    several = isinstance(rule, FixedRule) and rule.stage > 0 and combine == "average"
    if score.several and not several:
        raise WeeError(
            f"the score {name} needs the averaged outputs of two members or more, and samples may leave after the first"
        )
    return score


def _with_tuples(transform: Transform) -> Transform:
    """The transform with its sequences as tuples, so that equal ones compare as equal."""
    return replace(transform, mean=tuple(transform.mean), std=tuple(transform.std))


class _Confidences(Mapping[str, Tensor]):
    """The confidences of the samples that are left, by score name, each computed when it is first read."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._known: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._known:
            confidences = SCORES.find(name)(self._outputs)
            self._known[name] = confidences if confidences.dtype is torch.float64 else confidences.to(torch.float64)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(SCORES)

    def __len__(self) -> int:
        return len(SCORES)


class _Record:
    """Collects what samples leave with. What is put of samples that go on is overwritten by later stages."""

    def __init__(self) -> None:
        self._tensors: dict[str, Tensor] = {}
        self._shared = False

    def put(self, stage: int, places: Tensor | None, outputs: Outputs, confidence: Tensor) -> None:
        """Keep what is known after a stage.

        Args:
            stage: counted from 0.
            places: of the samples that are left in the batch [n]; None for all.
            outputs: of these samples.
            confidence: their final score [n].
        """
        latest = {"probabilities": outputs.probs, "label": outputs.predicted, "confidence": confidence}
        latest["stage"] = torch.full_like(latest["label"], stage)
        if places is None:
            self._tensors, self._shared = latest, True
            return
        if self._shared:  # a plug-in's confidence may be a view of the probabilities
            self._tensors["confidence"], self._shared = self._tensors["confidence"].clone(), False
        for name, tensor in latest.items():
            # Outputs of earlier stages may share this memory: those that go on have been copied, the others are not read.
            self._tensors[name].index_copy_(0, places, tensor)

    def prediction(self, acceptance: float | None) -> Prediction:
        """What is known in the end."""
        accepted = None if acceptance is None else self._tensors["confidence"] >= acceptance
        return Prediction(**self._tensors, accepted=accepted)


class _Source(Protocol):
    """Where logits come from: networks, or a store."""

    def logits(self, stage: int) -> Tensor:
        """The logits of a stage for the samples that are left [n, classes]."""
        ...

    def keep(self, samples: Tensor, stage: int) -> None:
        """Go on after a stage with some of the samples that are left, by their places among these [m]."""
        ...


class _Stored(_Source):
    """Stored logits.

    Args:
        logits: of each stage [N, classes], or the function that returns those of some samples.
        count: N.
        device: where decisions are made.
    """

    def __init__(self, logits: Sequence[StoredLogits], count: int, device: torch.device) -> None:
        self._logits, self._count, self._device = logits, count, device
        self._places: Tensor | None = None

    def logits(self, stage: int) -> Tensor:
        stored = self._logits[stage]
        if callable(stored):
            places = np.arange(self._count) if self._places is None else self._places.cpu().numpy()
            return as_stored(stored(places), None).to(self._device)
        if isinstance(stored, Tensor):
            chosen = stored.to(self._device)
            return chosen if self._places is None else chosen.index_select(0, self._places)
        if self._places is not None:
            stored = stored[self._places.cpu().numpy()]
        return as_stored(stored, None).to(self._device)

    def keep(self, samples: Tensor, stage: int) -> None:
        self._places = samples if self._places is None else self._places.index_select(0, samples)


class _Networks(_Source):
    """The networks of a cascade on one batch.

    Args:
        cascade: whose.
        count: the number of samples.
        images: the images, on the device; None if inputs are prepared elsewhere.
        prepare: prepares inputs elsewhere.
    """

    def __init__(
        self, cascade: Cascade, count: int, images: Tensor | None = None, prepare: Prepare | None = None
    ) -> None:
        self._cascade, self._count, self._images, self._prepare = cascade, count, images, prepare
        self._places: Tensor | None = None
        self._inputs: dict[int, Tensor] = {}  # by the number of the preparation
        self._states: dict[int, list[Tensor]] = {}  # by the network

    def logits(self, stage: int) -> Tensor:
        segment = self._cascade._segments[stage]
        network = None if segment is None else id(segment.network)
        state = self._states.pop(network, None) if network is not None else None
        logits, features = self._cascade._run(stage, state or [self._input(stage)], self._count)
        if network is not None and self._continues(network, stage):
            self._states[network] = features
        return logits

    def keep(self, samples: Tensor, stage: int) -> None:
        self._places = samples if self._places is None else self._places.index_select(0, samples)
        needed = {self._key(later) for later in range(stage + 1, len(self._cascade)) if self._starts(later)}
        self._inputs = {key: select(tensor, samples) for key, tensor in self._inputs.items() if key in needed}
        self._states = {
            network: [select(tensor, samples) for tensor in state] for network, state in self._states.items()
        }

    def _key(self, stage: int) -> int:
        """What stages that share an input have in common."""
        if self._cascade.inputs is not None:
            return self._cascade.inputs[stage]
        return 0 if self._prepare is None else stage

    def _starts(self, stage: int) -> bool:
        """Whether a stage starts from images rather than from the features of an exit."""
        segment = self._cascade._segments[stage]
        return segment is None or segment.done == 0

    def _continues(self, network: int, stage: int) -> bool:
        """Whether a later stage goes on from a network's features."""
        later = self._cascade._segments[stage + 1 :]
        return any(segment is not None and id(segment.network) == network for segment in later)

    def _input(self, stage: int) -> Tensor:
        """The prepared input of a stage for the samples that are left."""
        key = self._key(stage)
        if key not in self._inputs:
            self._inputs[key] = self._prepared(stage)
        return self._inputs[key]

    def _prepared(self, stage: int) -> Tensor:
        cascade, places = self._cascade, self._places
        if self._prepare is not None:
            asked = torch.arange(self._count) if places is None else places.cpu()
            return self._prepare(stage, asked).to(cascade.device, non_blocking=True)
        assert self._images is not None
        images = self._images if places is None else self._images.index_select(0, places)
        if cascade.inputs is None:
            return images
        prepared: Tensor = cascade.preparations[cascade.inputs[stage]](images)
        return prepared


def _places(decision: Decision, count: int, device: torch.device) -> Tensor | range:
    """The places of the samples that go on [m], on a device. For a mask on an accelerator, this waits for their number.

    Args:
        decision: a truth value for each sample [count], or one for all.
        count: the number of samples.
        device: where the places are.

    Returns:
        The places; a range if all samples go on, or none.

    Raises:
        WeeError: the decision is not about that number of samples.
    """
    if isinstance(decision, (bool, np.bool_)):
        return range(count if decision else 0)
    if tuple(decision.shape) != (count,):
        raise WeeError(f"the rule must decide on {count} samples; its decision has the shape {list(decision.shape)}")
    if count == 1:
        return range(int(bool(decision)))
    if isinstance(decision, Tensor):
        places = decision.nonzero()[:, 0]
        return places if places.device == device else places.to(device)
    return torch.from_numpy(np.flatnonzero(decision)).to(device)


def select(tensor: Tensor, samples: Tensor) -> Tensor:
    """Some of the samples of a tensor, by their places [m] along its first dimension; the memory layout is kept."""
    if tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        return tensor.permute(0, 2, 3, 1).index_select(0, samples).permute(0, 3, 1, 2)
    return tensor.index_select(0, samples)


def padded_size(count: int, whole: int) -> int:
    """The size that a batch is padded to.

    Args:
        count: the number of samples that are left, 1 or more.
        whole: the number of samples in the whole batch.

    Returns:
        The least power of two that is not less than `count`, nor than 1 / 16 of the whole batch.

    Example:
        >>> [padded_size(count, 256) for count in (1, 17, 100, 256)]
        [16, 32, 128, 256]
    """
    least = max(count, -(-whole // SMALLEST_SHARE))
    return 1 << (least - 1).bit_length()


def _padded(tensor: Tensor, size: int) -> Tensor:
    """The tensor with its first sample repeated up to a number of samples."""
    missing = size - len(tensor)
    return tensor if not missing else torch.cat([tensor, tensor[:1].expand(missing, *tensor.shape[1:])])
