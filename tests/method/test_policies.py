"""Policies: windows and their quantiles, and what every policy must hold to over any logits, tied ones too."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore

from wee.errors import WeeError
from wee.method import (
    POLICIES,
    Ensemble,
    FixedRule,
    Interval,
    IntervalRule,
    Random,
    Single,
    SingleThreshold,
    Stages,
    Task,
    Window,
    percentile_rank,
    quantile,
    rule_from_dict,
    rule_to_dict,
    summarise,
    window,
)
from wee.method.draws import draws
from wee.method.policies import Context, Role

NUMBERS = st.lists(st.integers(-9, 9).map(lambda k: k / 4), min_size=1, max_size=40)
COV = Task.parse("cov@5")


def stages(seed: int, members: int = 2, count: int = 80, tied: bool = False) -> Stages:
    """A cascade over random logits; tied ones take few values."""
    rng = np.random.default_rng(seed)
    logits = [rng.normal(size=(count, 4)) * 2 for _ in range(members)]
    if tied:
        logits = [np.rint(z) for z in logits]
    sets = [tuple(range(k + 1)) for k in range(members)]
    found = summarise(logits, rng.integers(4, size=count), sets, ["msp", "energy"])
    return Stages([found[s] for s in sets], list(range(1, members + 1)), np.arange(count).astype("S"))


@given(NUMBERS, st.integers(-9, 9).map(lambda k: k / 4))
def test_the_percentile_rank_is_scipys(numbers: list[float], value: float) -> None:
    expected = percentileofscore(numbers, value, kind="rank") / 100
    assert percentile_rank(np.sort(numbers), value) == pytest.approx(expected)


@given(NUMBERS, st.floats(0, 1))
def test_the_quantile_is_numpys(numbers: list[float], q: float) -> None:
    assert quantile(np.sort(numbers), q) == pytest.approx(np.quantile(numbers, q), abs=1e-12)


@given(st.integers(0, 10**6), st.booleans())
def test_wider_windows_hold_narrower_ones(seed: int, tied: bool) -> None:
    val = stages(seed, tied=tied)
    passed = []
    for width in (0, 0.1, 0.2, 0.5, 1.0, "all"):
        passed.append(Window(COV, width).fit(val)(val) == 1)
    for narrow, wide in itertools.pairwise(passed):
        assert (wide | ~narrow).all()
    assert not passed[0].any()
    assert passed[-1].all()


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(["msp", "energy"]))
def test_four_members_at_the_ends_are_the_single_model_and_the_ensemble(seed: int, tied: bool, score: str) -> None:
    """To the last digit, in every number of the outcome."""
    val, test = stages(seed, 4, tied=tied), stages(seed + 1, 4, tied=tied)
    for width, same in ((0, Single()), ("all", Ensemble())):
        cascade = test.at(Window(COV, width, score).fit(val)(test))
        plain = test.at(same.fit(val)(test))
        assert (cascade.exits == plain.exits).all()
        for field in ("label", "correct", "log_prob", "brier", "cost"):
            assert (getattr(cascade, field) == getattr(plain, field)).all()
        for name in ("msp", "energy"):
            assert (cascade.scores[name] == plain.scores[name]).all()


def test_the_widest_window_passes_what_validation_never_saw() -> None:
    val, test = stages(0), stages(1, count=5000)
    assert Window(COV, "all").fit(val)(test).min() == 1
    assert Window(COV, 1.0).fit(val)(test).min() == 0


def test_a_window_of_a_width_holds_that_share_of_validation() -> None:
    val = stages(0, count=2000)
    passed = Window(Task.parse("risk@50"), 0.2).fit(val)(val) == 1
    assert passed.mean() == pytest.approx(0.2, abs=0.001)


def test_each_stage_has_a_window_of_its_own() -> None:
    val = stages(3, 3, count=400)
    rule = Window(COV, [0.5, 0.2]).fit(val)
    first, second = rule.intervals
    assert first.tau != second.tau
    exits = rule(val)
    for stage, interval in enumerate(rule.intervals):
        s = val.summaries[stage].scores["msp"]
        here = exits >= stage
        goes_on = (interval.low <= s) & (s <= interval.high)
        assert ((exits > stage) == (here & goes_on)).all()


def test_a_single_threshold_passes_its_quantile() -> None:
    val = stages(0, count=2000)
    assert (SingleThreshold(0.3).fit(val)(val) == 1).mean() == pytest.approx(0.3, abs=0.001)


def test_the_random_exit_is_fixed_by_the_ids() -> None:
    data = stages(0, 3, count=4000)
    rule = Random(0.4, seed=1).fit(data)
    exits = rule(data)
    assert (exits >= 1).mean() == pytest.approx(0.4, abs=0.03)
    assert (exits == 2).mean() == pytest.approx(0.16, abs=0.03)
    order = np.random.default_rng(0).permutation(4000)
    shuffled = Stages(data.summaries, data.cost, data.ids[order])
    assert (rule(shuffled) == exits[order]).all()
    assert (Random(0.4, seed=2).fit(data)(data) != exits).any()
    assert Random(0.0)(data).max() == 0
    assert Random(1.0)(data).min() == 2


def test_draws_do_not_depend_on_the_length_of_other_ids() -> None:
    short = np.array([b"a", b"bc"])
    long = np.array([b"a", b"bc", b"something much longer"])
    assert (draws(short, 0, 0) == draws(long, 0, 0)[:2]).all()


def test_draws_are_uniform() -> None:
    u = np.sort(draws(np.array([f"val/{i}.jpg" for i in range(20000)], dtype="S"), 0, 0))
    assert np.abs(u - np.arange(20000) / 20000).max() < 1.63 / np.sqrt(20000)  # Kolmogorov-Smirnov at 1 %


@pytest.mark.parametrize("width", [-0.1, 1.5, "wide", None, True, float("nan")])
def test_what_is_no_width_is_refused(width: object) -> None:
    with pytest.raises(WeeError, match="a width is a number in"):
        window(np.arange(5.0), 2.0, width)  # type: ignore[arg-type]


def test_the_number_of_windows_must_fit() -> None:
    with pytest.raises(WeeError, match="3 stages needs 2 windows"):
        Window(COV, [0.1, 0.2, 0.3]).fit(stages(0, 3))


def test_stages_must_agree() -> None:
    data = stages(0)
    with pytest.raises(WeeError, match="a cost for every stage"):
        Stages(data.summaries, [1.0], data.ids)
    with pytest.raises(WeeError, match="positive and finite"):
        Stages(data.summaries, [0.0, 1.0], data.ids)


def test_a_stage_that_does_not_exist_is_refused() -> None:
    data, n = stages(0), 80
    for exits in (np.full(n, len(data)), np.full(n, -1), np.zeros(n - 1, dtype=int)):
        with pytest.raises(WeeError, match=f"{n} samples leave at stages 0 to"):
            data.at(exits)


@given(st.integers(0, 10**6), st.booleans(), st.integers(2, 4), st.floats(0, 1), st.sampled_from(["msp", "energy"]))
def test_rules_read_back_decide_the_same(seed: int, tied: bool, members: int, share: float, score: str) -> None:
    """Every built-in policy, through the text of strict JSON."""
    val, test = stages(seed, members, tied=tied), stages(seed + 1, members, tied=tied)
    parameters = {"width": [0, share, "all", (share,) * (members - 1)], "quantile": [share], "probability": [share]}
    checked = set()
    for policy in POLICIES.values():
        for setting in policy.settings(Context(members, [score], [COV], "paper", parameters)):
            rule = setting.fit(val)
            again = rule_from_dict(json.loads(json.dumps(rule_to_dict(rule), allow_nan=False)))
            assert again == rule
            assert (again(test) == rule(test)).all()
            checked.add(policy.name)
    assert checked == set(POLICIES)


@given(st.integers(0, 10**6), st.booleans(), st.integers(2, 4), st.floats(0, 1), st.booleans())
def test_rules_decide_stage_by_stage_as_they_do_at_once(
    seed: int, tied: bool, members: int, share: float, tensors: bool
) -> None:
    """Asked at each stage about the samples that reach it alone, in numpy arrays or in torch tensors."""
    val, test = stages(seed, members, tied=tied), stages(seed + 1, members, tied=tied)
    fitted = [policy.fit(val) for policy in (Single(), Ensemble(), Window(COV, share), SingleThreshold(share))]
    for rule in (*fitted, FixedRule(1), Random(share)):
        here, exits = np.arange(len(test.ids)), np.zeros(len(test.ids), dtype=int)
        for stage, summary in enumerate(test.summaries[:-1]):
            scores = {name: torch.tensor(s[here]) if tensors else s[here] for name, s in summary.scores.items()}
            decision = rule.goes_on(stage, scores, test.ids[here])
            assert not (isinstance(rule, IntervalRule) and tensors) or isinstance(decision, torch.Tensor)
            here = here[np.broadcast_to(np.asarray(decision), here.shape)]
            exits[here] = stage + 1
        assert (rule(test) == exits).all()


def test_a_rule_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WeeError, match="leave at stage 2, but stages run from 0 to 1"):
        FixedRule(2)(stages(0))
    with pytest.raises(WeeError, match="3 stages needs 2 windows"):
        IntervalRule("msp", [Interval(0, 1)])(stages(0, 3))
    with pytest.raises(WeeError, match="give the ids of the samples"):
        Random(0.5).goes_on(0, None, None)


def test_a_rule_that_cannot_be_read_is_refused() -> None:
    record = rule_to_dict(IntervalRule("msp", [Interval(-np.inf, 0.5)]))
    assert record["intervals"] == [{"low": "-inf", "high": 0.5, "tau": None, "rank": None}]
    for change, message in (
        ({"version": 2}, "the rule is of version 2, and this version of wee reads version 1"),
        ({"form": "nosuch:Rule"}, "no rule 'nosuch:Rule': No module named 'nosuch'; is the folder of nosuch.py"),
        ({"intervals": [{}]}, "the rule of form intervals cannot be read: KeyError: 'tau'"),
    ):
        with pytest.raises(WeeError, match=message):
            rule_from_dict({**record, **change})


def test_the_settings_of_a_policy_are_all_combinations() -> None:
    context = Context(
        3, ["msp", "energy"], [COV], "strict", {"width": [0.1, (0.2, 0.3), (0.1, 0.2, 0.3)], "quantile": [1]}
    )
    windows = list(POLICIES["window"].settings(context))
    assert windows == [
        Window(COV, width, score, "strict") for score in ("msp", "energy") for width in (0.1, (0.2, 0.3))
    ]
    assert [policy.columns() for policy in windows[:2]] == [{"width": 0.1}, {"width": (0.2, 0.3)}]
    assert list(POLICIES["single"].settings(context)) == [Single()]


def test_every_policy_says_what_others_need_to_know() -> None:
    for name, policy in POLICIES.items():
        assert policy.name == name
        assert policy.label
        assert policy.help
        assert policy.role in Role
        assert policy.look.marker
    assert {policy.role for policy in POLICIES.values()} == set(Role)


PLUGIN = """
from dataclasses import dataclass
from wee.method import FixedRule, Policy, Window


class Plain:
    \"\"\"Everything goes on.\"\"\"

    def fit(self, validation):
        return FixedRule(len(validation) - 1)


class Wider(Window):
    role = "cascade"


@dataclass(frozen=True)
class Named:
    label: str = "x"

    def fit(self, validation):
        return FixedRule(0)


class Odd:
    role = "beside"

    def fit(self, validation):
        return FixedRule(0)


@dataclass(frozen=True)
class Needy:
    share: float

    def fit(self, validation):
        return self

    def __call__(self, stages):
        return FixedRule(0)(stages)

    def to_dict(self):
        return {"share": self.share}

    @classmethod
    def from_dict(cls, fields):
        return cls(fields["share"])


class Unfitted:
    def fit(self, validation):
        return None


class Failing:
    def fit(self, validation):
        return validation.summary


lower = 3
"""


def test_policies_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugged_policies.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    plain, wider = (POLICIES.find(f"plugged_policies:{name}") for name in ("Plain", "Wider"))
    assert (plain.name, plain.label, plain.help) == ("plugged_policies:Plain", "Plain", "Everything goes on.")
    assert plain.role is wider.role is Role.CASCADE
    assert plain().fit(stages(0)) == FixedRule(1)
    assert (wider.name, wider.label, wider.column) == ("plugged_policies:Wider", "Wider", "width")
    assert len({plain.look, wider.look, Window.look}) == 3
    needy = POLICIES.find("plugged_policies:Needy")
    assert [setting.columns() for setting in needy.settings(Context(2, [], [], "paper", {"share": [0.1, 0.3]}))] == [
        {"parameters": "share=0.1"},
        {"parameters": "share=0.3"},
    ]
    rule = needy(share=0.1).fit(stages(0))  # type: ignore[call-arg]
    record = rule_to_dict(rule)
    assert record == {"version": 1, "form": "plugged_policies:Needy", "share": 0.1}
    assert (rule_from_dict(record)(stages(1)) == rule(stages(1))).all()
    for name, message in (
        ("lower", "the policy plugged_policies:lower is a int; a policy is a class with fit"),
        ("Named", "has a parameter called label, which means something else"),
        ("Odd", "has the role 'beside'; the roles are alone, together, last, cascade"),
    ):
        with pytest.raises(WeeError, match=message):
            POLICIES.find(f"plugged_policies:{name}")
    with pytest.raises(
        WeeError, match="fit of the policy plugged_policies:Unfitted returned a NoneType; it returns a rule"
    ):
        POLICIES.find("plugged_policies:Unfitted")().fit(stages(0))
    with pytest.raises(WeeError, match=r"policy plugged_policies:Failing raised AttributeError: .*, line \d+\)$"):
        POLICIES.find("plugged_policies:Failing")().fit(stages(0))
