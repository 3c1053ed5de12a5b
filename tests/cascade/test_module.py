"""Live cascades: the decisions of sweeps over the same logits, and networks that run on no more samples than they must."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from wee.cascade.module import Cascade, Prediction, RunOptions, padded_size, select
from wee.cascade.preparation import Preparation
from wee.data.base import ArrayImages, Transform
from wee.errors import WeeError
from wee.method import (
    SCORES,
    Ensemble,
    FixedRule,
    Interval,
    IntervalRule,
    Outcome,
    Random,
    Rule,
    Single,
    SingleThreshold,
    Stages,
    Task,
    Window,
    summarise,
)
from wee.models.exits import Exit
from wee.models.msdnet import MSDNet

EVERYTHING = Interval(-np.inf, np.inf)
SMALL, LARGE = Transform(4, (0.5,) * 3, (0.2,) * 3), Transform(6, (0.4,) * 3, (0.3,) * 3)
SCORE_NAMES = [name for name, score in SCORES.items() if not score.several]


def bodiless(stages: int, rule: Rule, score: str = "msp", **settings: Any) -> Cascade:
    """A cascade to which only stored logits are fed."""
    return Cascade([nn.Identity()] * stages, rule, score, **settings)


def made_up(seed: int, stages: int, count: int, classes: int, tied: bool = False) -> list[np.ndarray]:
    """Logits of each stage [count, classes]; tied ones take few values."""
    rng = np.random.default_rng(seed)
    logits = [3 * rng.normal(size=(count, classes)) for _ in range(stages)]
    return [(np.rint(z) if tied else z).astype(np.float32) for z in logits]


def swept(logits: Sequence[np.ndarray], sets: Sequence[tuple[int, ...]], temperatures: Any = None) -> Stages:
    """The stages of a sweep over these logits."""
    labels = np.random.default_rng(0).integers(logits[0].shape[1], size=len(logits[0]))
    summaries = summarise(logits, labels, sets, SCORE_NAMES, temperatures)
    costs = [float(k + 1) for k in range(len(sets))]
    return Stages([summaries[members] for members in sets], costs, np.arange(len(labels)).astype("S"))


def check(prediction: Prediction, outcome: Outcome, score: str, acceptance: float) -> None:
    """To the last bit."""
    assert (prediction.stage.numpy() == outcome.exits).all()
    assert (prediction.label.numpy() == outcome.label).all()
    assert (prediction.confidence.numpy() == outcome.scores[score]).all()
    assert (prediction.probabilities.amax(1).numpy() == outcome.confidence).all()
    assert prediction.accepted is not None
    assert (prediction.accepted.numpy() == (outcome.scores[score] >= acceptance)).all()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    members=st.integers(2, 4),
    count=st.integers(1, 60),
    classes=st.sampled_from([2, 5, 37]),
    tied=st.booleans(),
    average=st.booleans(),
    share=st.floats(0, 1),
    score=st.sampled_from(SCORE_NAMES),
    final=st.sampled_from(SCORE_NAMES),
    scaled=st.booleans(),
    order=st.permutations(range(4)),
)
def test_stored_logits_give_the_outcome_of_the_sweep(
    seed: int,
    members: int,
    count: int,
    classes: int,
    tied: bool,
    average: bool,
    share: float,
    score: str,
    final: str,
    scaled: bool,
    order: list[int],
) -> None:
    """For every policy; in any order of running, outputs are summed in the order of the pool, as sweeps do."""
    nodes = [place for place in order if place < members]
    pools = [made_up(seed + k, members, n, classes, tied) for k, n in enumerate((50, count))]
    temperatures = np.random.default_rng(seed).uniform(0.5, 2, members).tolist() if scaled else None
    sets = [tuple(sorted(nodes[: k + 1])) if average else (nodes[k],) for k in range(members)]
    val, test = (swept(logits, sets, temperatures) for logits in pools)
    acceptance = float(np.median(val.summaries[0].scores[final]))
    how: dict[str, Any] = {
        "combine": "average" if average else "replace",
        "temperatures": None if temperatures is None else [temperatures[place] for place in nodes],
        "acceptance": acceptance,
        "summing_order": nodes,
    }
    window = Window(Task.parse("cov@40"), share, score).fit(val)
    for rule in (
        window,
        SingleThreshold(share, score).fit(val),
        Single().fit(val),
        Ensemble().fit(val),
        Random(share, seed=1),
    ):
        prediction = bodiless(members, rule, final, **how).replay([pools[1][place] for place in nodes], test.ids)
        check(prediction, test.at(rule(test)), final, acceptance)


def test_the_last_stage_alone_and_many_classes() -> None:
    logits = made_up(0, 3, 40, 3000)
    test = swept(logits, [(0,), (1,), (2,)])
    for rule in (FixedRule(2), IntervalRule("energy", [EVERYTHING, Interval(9.0, 9.2)])):
        tensors = [torch.from_numpy(z) for z in logits]
        prediction = bodiless(3, rule, "gini", combine="replace", acceptance=0.1).replay(tensors)
        check(prediction, test.at(rule(test)), "gini", 0.1)


class Counting(nn.Module):
    """A network that notes the sizes of its batches."""

    def __init__(self, size: int, seed: int, classes: int = 5) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(8 * (size - 2) ** 2, classes)
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        logits: Tensor = self.head(self.body(images))
        return logits


def below(stages: Stages, share: float) -> IntervalRule:
    """The rule by which the least confident share goes on from each stage. No threshold is a sample's confidence."""
    thresholds = [float(np.quantile(summary.scores["msp"], share)) for summary in stages.summaries[:-1]]
    return IntervalRule("msp", [Interval(-np.inf, threshold) for threshold in thresholds])


def by_hand(
    networks: Sequence[nn.Module], transforms: Sequence[Transform], images: Tensor
) -> tuple[IntervalRule, Outcome]:
    """A rule, and what comes of it: every network runs on all images, and the method does the rest."""
    with torch.inference_mode():
        logits = [
            network.eval()(Preparation(transform)(images)).numpy()
            for network, transform in zip(networks, transforms, strict=True)
        ]
    stages = swept(logits, [tuple(range(k + 1)) for k in range(len(networks))])
    rule = below(stages, 0.7)
    return rule, stages.at(rule(stages))


def agrees(prediction: Prediction, outcome: Outcome) -> None:
    """Up to the rounding of networks, which depends on the size of their batches."""
    assert (prediction.stage.numpy() == outcome.exits).all()
    assert (prediction.label.numpy() == outcome.label).all()
    torch.testing.assert_close(prediction.confidence, torch.from_numpy(outcome.scores["msp"]), atol=1e-6, rtol=0)


@pytest.fixture
def images() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(256, size=(50, 3, 6, 6), dtype=np.uint8))


RULE = IntervalRule("msp", [Interval(0.3, 0.5), Interval(0.2, 0.6)])


@pytest.mark.parametrize(
    "options", [RunOptions(), RunOptions(channels_last=False), RunOptions(pad=True), RunOptions(compile=True)]
)
def test_networks_of_two_input_sizes_run_on_what_reaches_them(
    options: RunOptions, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    networks, transforms = [Counting(4, 0), Counting(4, 1), Counting(6, 2)], [SMALL, SMALL, LARGE]
    rule, outcome = by_hand(networks, transforms, images)
    for network in networks:
        network.batches.clear()
    prepared: list[tuple[int, int]] = []
    cascade = Cascade(networks, rule, acceptance=0.5, transforms=transforms, options=options).train()
    for preparation in cascade.preparations:
        preparation.register_forward_hook(
            lambda module, given, _: prepared.append((module.transform.size, len(given[0])))
        )
    prediction = cascade(images)
    agrees(prediction, outcome)
    reached = [int((outcome.exits >= stage).sum()) for stage in range(3)]
    assert reached[0] > reached[1] > reached[2] > 0
    assert prepared == [(4, 50), (6, reached[2])]  # the second network sees the images of the first
    if not options.compile:
        padded = [padded_size(count, 50) if options.pad else count for count in reached]
        assert [network.batches for network in networks] == [[count] for count in padded]


def test_prepared_inputs_are_asked_for_by_place(images: Tensor) -> None:
    networks, transforms = [Counting(4, 0), Counting(4, 1), Counting(6, 2)], [SMALL, SMALL, LARGE]
    rule, outcome = by_hand(networks, transforms, images)
    asked: list[tuple[int, list[int]]] = []

    def prepare(stage: int, places: Tensor) -> Tensor:
        asked.append((stage, places.tolist()))
        prepared: Tensor = Preparation(transforms[stage])(images[places])
        return prepared

    reached = [np.flatnonzero(outcome.exits >= stage).tolist() for stage in range(3)]
    agrees(Cascade(networks, rule).run_prepared(prepare, 50), outcome)
    assert asked == list(enumerate(reached))
    asked.clear()
    agrees(Cascade(networks, rule, transforms=transforms).run_prepared(prepare, 50), outcome)
    assert asked == [(0, reached[0]), (2, reached[2])]


@pytest.mark.parametrize(("numbers", "pad"), [((1, 2, 3), False), ((1, 2, 3), True), ((1, 3), False)])
def test_a_multi_exit_network_goes_on_from_its_features(numbers: tuple[int, ...], pad: bool) -> None:
    torch.manual_seed(0)
    network = MSDNet(4, 1, blocks=3, base=2, step=1, channels=4, growth=4, scale_factors=[1, 2], stem="small").eval()
    images = torch.randn(40, 1, 12, 12)
    with torch.inference_mode():
        logits = network(images)
    stored = [logits[:, number - 1].numpy() for number in numbers]
    stages = swept(stored, [(k,) for k in range(len(numbers))])
    rule = below(stages, 0.5)
    outcome = stages.at(rule(stages))
    calls: dict[str, list[int]] = {}
    for name, module in network.named_modules():
        if name == "stem" or (name.startswith(("blocks.", "classifiers.")) and name.count(".") == 1):
            module.register_forward_hook(
                lambda _, given, output, name=name: calls.setdefault(name, []).append(
                    len(output if isinstance(output, Tensor) else output[0])
                )
            )
    members: list[Any] = [network] if len(numbers) == 3 else [Exit(network, number) for number in numbers]
    agrees(Cascade(members, rule, combine="replace", options=RunOptions(pad=pad))(images), outcome)
    reached = [int((outcome.exits >= stage).sum()) for stage in range(len(numbers))]
    assert min(reached) > 0
    sizes = dict(zip(numbers, [padded_size(count, 40) if pad else count for count in reached], strict=True))
    expected = {"stem": [sizes[1]]} | {f"classifiers.{number - 1}": [sizes[number]] for number in numbers}
    expected |= {f"blocks.{k}": [next(sizes[number] for number in numbers if number > k)] for k in range(3)}
    assert calls == expected


def test_exits_of_two_networks_may_alternate() -> None:
    """Features that wait are compacted too."""
    torch.manual_seed(1)
    one, other = (
        MSDNet(4, 1, blocks=2, base=1, step=1, channels=4, growth=4, scale_factors=[1, 2], stem="small").eval()
        for _ in range(2)
    )
    images = torch.randn(30, 1, 12, 12)
    with torch.inference_mode():
        logits = [network(images)[:, k].numpy() for k in range(2) for network in (one, other)]
    stages = swept(logits, [tuple(range(k + 1)) for k in range(4)])
    rule = below(stages, 0.8)
    members = [Exit(network, number) for number in (1, 2) for network in (one, other)]
    outcome = stages.at(rule(stages))
    assert set(outcome.exits) == {0, 1, 2, 3}
    agrees(Cascade(members, rule)(images), outcome)


def test_the_host_waits_once_in_each_stage(images: Tensor) -> None:
    class Waits(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = str(function)
            if any(waiting in name for waiting in ("nonzero", "_local_scalar_dense", "masked_select", "unique")):
                self.seen.append(name)
            return function(*args, **(kwargs or {}))

    networks, transforms = [Counting(4, 0), Counting(4, 1), Counting(6, 2)], [SMALL, SMALL, LARGE]
    rule, _ = by_hand(networks, transforms, images)
    cascade = Cascade(networks, rule, transforms=transforms)
    with Waits() as waits:
        cascade(images, ids=np.arange(50).astype("S"))
    assert waits.seen == ["aten.nonzero.default"] * 2
    with Waits() as waits:
        Cascade([Counting(6, 0)] * 2, FixedRule(1), "mutual_information")(images / 255)
    assert waits.seen == []


@pytest.mark.parametrize(("size", "crop"), [(6, 1.0), (4, 1.0), (9, 1.0), (5, 0.875)])
def test_square_images_are_prepared_as_those_of_data_sets(size: int, crop: float, images: Tensor) -> None:
    transform = Transform(size, (0.5, 0.4, 0.3), (0.2, 0.3, 0.2), "bicubic", crop)
    prepared = Preparation(transform)(images)
    assert prepared.shape == (50, 3, size, size)
    if crop == 1:
        expected = ArrayImages(images.numpy(), np.zeros(50, dtype=np.int64), transform).__getitems__(list(range(50)))
        assert torch.equal(prepared, expected["image"])
    assert Preparation(transform)(images[:, :, :5]).shape == (50, 3, size, size)


@given(st.integers(1, 300), st.integers(0, 400))
def test_batches_have_a_few_sizes(count: int, more: int) -> None:
    size = padded_size(count, count + more)
    assert size >= count
    assert size.bit_count() == 1
    assert size <= padded_size(count + more, count + more)
    assert len({padded_size(n, count + more) for n in range(1, count + more + 1)}) <= 5


def test_selection_keeps_the_memory_layout() -> None:
    tensor = torch.randn(4, 3, 5, 5)
    places = torch.tensor([3, 1])
    for layout in (torch.channels_last, torch.contiguous_format):
        chosen = select(tensor.to(memory_format=layout), places)
        assert torch.equal(chosen, tensor[places])
        assert chosen.is_contiguous(memory_format=layout)


class Silent:
    """A rule that only decides on all stages at once."""

    def __call__(self, stages: Stages) -> Any:
        return np.zeros(len(stages.ids), dtype=np.int64)


class Short(Silent):
    """A rule that decides on too few samples."""

    def goes_on(self, stage: int, scores: Any, ids: Any) -> Any:
        assert ids is None
        return np.ones(1, dtype=np.bool_)


@pytest.mark.parametrize(
    ("members", "rule", "how", "message"),
    [
        ([], RULE, {}, "needs one member or more"),
        (2, RULE, {}, "a cascade of 2 stages needs 1 windows"),
        (3, RULE, {"temperatures": [1.0]}, "a cascade of 3 stages needs as many temperatures; got 1"),
        (3, RULE, {"temperatures": [1.0, 0.0, None]}, "must be positive"),
        (3, RULE, {"transforms": [SMALL]}, "as many transforms; got 1"),
        (3, RULE, {"score": "mps"}, "there is no score 'mps'; did you mean 'msp'"),
        (3, RULE, {"score": "mutual_information"}, "samples may leave after the first"),
        (3, RULE, {"combine": "mean"}, "there is no way to combine outputs 'mean'"),
        (2, IntervalRule("expected_entropy", [EVERYTHING]), {}, "cannot decide who goes on"),
        (2, IntervalRule("nosuch", [EVERYTHING]), {}, "there is no score 'nosuch'"),
        (2, FixedRule(2), {}, "stages run from 0 to 1"),
        (2, Silent(), {}, "the rule Silent cannot run live: it needs goes_on"),
        ([Exit(nn.Identity(), 1)], FixedRule(0), {}, "Identity has no exits to go on from"),
    ],
)
def test_what_does_not_fit_is_refused(members: Any, rule: Any, how: dict[str, Any], message: str) -> None:
    networks = members if isinstance(members, list) else [nn.Identity()] * members
    with pytest.raises(WeeError, match=message):
        Cascade(networks, rule, **how)


def test_exits_must_exist_and_ascend() -> None:
    network = MSDNet(4, 1, blocks=2, base=1, step=1, channels=4, growth=4, scale_factors=[1], stem="small")
    for numbers in ((0,), (3,), (2, 1)):
        with pytest.raises(WeeError, match="ascending order, from 1 to 2"):
            Cascade([Exit(network, number) for number in numbers], FixedRule(0))


def test_inputs_that_do_not_fit_are_refused(images: Tensor) -> None:
    cascade = Cascade([Counting(6, 0), Counting(6, 1, classes=4)], FixedRule(1))
    for given_, message in (
        (images, "give the cascade transforms"),
        (images[0] / 255, "images must be"),
        (images[:0] / 255, "needs one sample or more"),
        (images / 255, r"logits of stage 1 must be \[50, 5\], samples and classes; they are \[50, 4\]"),
    ):
        with pytest.raises(WeeError, match=message):
            cascade(given_)
    logits = made_up(0, 2, 10, 3)
    for rule, ids, stored, message in (
        (Random(0.5), None, logits, "give the ids of the samples"),
        (Random(0.5), [b"a"], logits, "10 samples need as many ids"),
        (Short(), [b"a"], logits, "needs one sample|as many ids"),
        (Short(), None, logits, r"must decide on 10 samples; its decision has the shape \[1\]"),
        (Random(0.5), None, logits[:1], "needs logits of as many; got 1"),
    ):
        with pytest.raises(WeeError, match=message):
            bodiless(2, rule).replay(stored, ids)
