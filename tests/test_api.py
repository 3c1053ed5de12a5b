"""The face of the package for Python programs: the numbers of the commands, from plain arguments."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import wee
from tests.helpers.explored import write_sweeps
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import plan, pool
from wee.data.splits import TEST
from wee.errors import WeeError
from wee.members.config import EnsembleConfig
from wee.sweep.config import PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.results import read_table
from wee.sweep.run import compute


def run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_costs_from_arrays_may_have_a_name_and_a_unit() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=400)
    logits = rng.normal(size=(2, 400, 3)) + 2 * np.eye(3)[labels]
    parts = (logits[:, :200], labels[:200]), (logits[:, 200:], labels[200:])
    source = wee.from_arrays(*parts, costs=[3.2, 3.4], cost="latency_ms")
    table = wee.run_sweep(source, tasks="cov@10").table
    assert set(table.cost) == {"latency_ms"}
    assert table[table.policy == "ensemble"].price.unique() == pytest.approx([6.6])
    with pytest.raises(WeeError, match=r"the largest average cost \(latency \(ms\)\)"):
        wee.calibrate(source, "cov@10")
    with pytest.raises(WeeError, match="nothing costs at most 1 ms: the cheapest setting costs 3.2 ms"):
        wee.calibrate(source, "cov@10", budget=1)
    with pytest.raises(WeeError, match="there is no cost 'ms/sample'"):
        wee.from_arrays(*parts, cost="ms/sample")


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = run(
        "import sys, wee; dir(wee); wee.WeeError\n"
        "print([name for name in ('torch', 'pandas', 'hydra', 'matplotlib', 'lightning', 'wee.compat') if name in sys.modules])"
    )
    assert loaded == "[]"


def test_reading_results_loads_no_torch_and_installs_no_repair(tmp_path: Path) -> None:
    write_sweeps(tmp_path)
    done = run(
        f"import sys, wee; wee.read_sweep('first', {str(tmp_path / 'outputs' / 'sweeps')!r}).fronts\n"
        f"wee.open_store({str(tmp_path / 'store')!r})\n"
        "print('torch' in sys.modules, [type(finder).__name__ for finder in sys.meta_path if 'wee' in type(finder).__module__])"
    )
    assert done == "False []"


@pytest.mark.parametrize(
    "use",
    [
        "import wee.models.build", "import wee.lit.fit", "from wee.method import summarise; import timm",
        "import wee.data.images.listing; import torchvision", "import wee.members.origins, wee.models.build; import timm",
        "from wee.catalogue import Catalogue; Catalogue('x', [], lambda name, thing: thing).find('torchvision:models')",
    ],
)  # fmt: skip
def test_parts_that_need_torch_repair_torchvision(use: str) -> None:
    run(f"{use}\nimport torchvision; torchvision.models")


def test_every_name_is_there_and_known_to_type_checkers() -> None:
    tree = ast.parse(Path(str(wee.__file__)).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(wee.__all__) <= set(dir(wee))
    for name in wee.__all__:
        assert getattr(wee, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wee.nothing  # noqa: B018


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fill_store(tmp_path_factory.mktemp("store"), members=2, ood=True, count=120)


def test_a_sweep_of_a_store_is_that_of_the_command(store: Any) -> None:
    source = wee.from_store(store, "toy", "made", ood=["far"])
    results = wee.run_sweep(
        source, ["cov@20"], ["accuracy"], ["single", "window", "threshold"], [0.2, "all"], [0.5], resamples=8, level=0.9
    )
    settings = plan(
        policy=PolicyConfig(["single", "window", "threshold"], [0.5]), window=WindowConfig([0.2, "all"]),
        task=TaskConfig(["cov@20"], ["accuracy"]), score=ScoreConfig(["msp"]), ensemble=EnsembleConfig(members=[0, 1]),
        ood=["far"],
    )  # fmt: skip
    expected = pd.concat(
        [compute(pool(store, scale, splits=tuple(source.pool.samples)), settings).table() for scale in ("s1", "s2")],
        ignore_index=True,
    )
    columns = [name for name in expected if name not in ("lower", "upper")]
    pd.testing.assert_frame_equal(results.table[columns], expected[columns])
    assert results.table.lower.notna().any()
    assert results.averages is not None
    assert results.differences is not None
    assert len(results.rules) == len(expected.drop_duplicates(["scale", "members", "policy", "width", "fraction"]))
    assert set(results.fronts.policy) >= {"single", "window"}


def test_arrays_give_the_numbers_of_the_store(store: Any) -> None:
    stored = wee.from_store(store.root, "toy", "made", scales=["s2"])
    splits = {split.kind: split for split in stored.pool.samples}
    parts = {
        kind: (np.stack([network.logits[split] for network in stored.pool.networks]), stored.pool.samples[split].labels)
        for kind, split in splits.items()
    }
    groups = {kind: stored.pool.samples[split].groups for kind, split in splits.items()}
    arrays = wee.from_arrays(
        parts["val"], parts["test"], [network.cost for network in stored.pool.networks], groups=groups
    )
    first, second = (wee.run_sweep(source, ["cov@20"], resamples=6).table for source in (stored, arrays))
    columns = ["members", "policy", "width", "split", "metric", "groups", "price", "value", "lower", "upper"]
    pd.testing.assert_frame_equal(first[columns], second[columns])
    chosen = [wee.calibrate(source, "cov@20", budget=1e7) for source in (stored, arrays)]
    assert (chosen[0].lineup, chosen[0].threshold, chosen[0].cost) == (
        chosen[1].lineup,
        chosen[1].threshold,
        chosen[1].cost,
    )


def test_ood_and_shifted_arrays_are_measured() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=60)
    logits = rng.normal(size=(2, 60, 3)) + 2 * np.eye(3)[labels]
    source = wee.from_arrays(
        (logits, labels), (logits, labels), ood={"far": rng.normal(size=(2, 40, 3))}, shift={"near": (logits, labels)}
    )
    table = wee.run_sweep(source, ["risk@50"], ["auroc"]).table
    assert set(table.ood.dropna()) == {"far"}
    assert set(table.split) == {"val", "test", "shift-near"}


def test_a_calibrated_setting_runs_as_on_its_logits() -> None:
    import torch
    from torch import nn

    rng = np.random.default_rng(1)
    labels = rng.integers(4, size=500)
    inputs = torch.from_numpy(
        rng.normal(size=(500, 6, 1, 1)) + 1.2 * np.eye(4)[labels][:, [0, 1, 2, 3, 0, 1], None, None]
    ).float()
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(6, 4)) for _ in range(3)]
    with torch.no_grad():
        for place, network in enumerate(networks):
            network[1].weight.copy_(torch.eye(4)[[0, 1, 2, 3, 0, 1]].T * (1 + place))
        logits = np.stack([network(inputs).numpy() for network in networks])
    source = wee.from_arrays((logits[:, :300], labels[:300]), (logits[:, 300:], labels[300:]), costs=[1.0, 1.1, 1.2])
    chosen = wee.calibrate(source, "cov@30", budget=1.5, risk=0.4, delta=0.2)
    assert chosen.certification is not None
    assert np.isfinite(chosen.threshold)
    assert chosen.cost <= 1.5
    prediction = chosen.cascade(networks)(inputs[:50])
    assert prediction.accepted is not None
    assert torch.equal(prediction.accepted, prediction.confidence >= chosen.threshold)
    by_target = wee.calibrate(source, "cov@30", target=chosen.value - 5)
    assert by_target.cost <= max(chosen.cost, 1.2 * 3)


def test_a_sweep_is_read_by_name_and_by_folder(tmp_path: Path) -> None:
    folders = write_sweeps(tmp_path)
    root = tmp_path / "outputs" / "sweeps"
    by_name, by_folder = wee.read_sweep("first", root), wee.read_sweep(folders["first"])
    pd.testing.assert_frame_equal(by_name.table, read_table(folders["first"]))
    pd.testing.assert_frame_equal(by_name.table, by_folder.table)
    assert by_name.averages is not None
    assert len(by_name.rules) > 10
    assert wee.read_sweep("second", root).averages is None
    kept = pd.read_csv(folders["first"] / "fronts.csv")
    assert np.allclose(by_name.fronts.hypervolume, kept.hypervolume, equal_nan=True)
    shutil.copytree(folders["first"], root / "first" / "again")
    with pytest.raises(WeeError, match="not one sweep"):
        wee.read_sweep(root / "first" / "*")


LABELS = np.zeros(4, dtype=int)
LOGITS = np.zeros((2, 4, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"val": (LOGITS[0], LABELS)},
            r"the logits on val have shape \[4, 3\]: expected is \[networks, samples, classes\]; .* are logits\[None\]",
        ),
        ({"test": (np.full((2, 4, 3), 1 / 3), LABELS)}, "the logits on test are probabilities: "),
        ({"val": (LOGITS.astype(int), LABELS)}, "of type int64: expected are floating-point"),
        ({"val": (np.full((2, 4, 3), np.nan), LABELS)}, "not all finite"),
        ({"val": ([[[0.0, 1.0], [2.0]]], [0, 1])}, "the logits on val cannot be converted to an array: "),
        ({"val": (LOGITS, LABELS[:3])}, r"the classes on val are an array \[3\]"),
        ({"test": (LOGITS, LABELS + 3)}, r"the classes on test are not all in 0 \.\. 2"),
        ({"test": (LOGITS[:, :, :2], LABELS)}, "of 2 networks and 2 classes, and those on val"),
        ({"costs": [1.0]}, "one positive number for each of the 2 networks"),
        ({"costs": 0.0}, "one positive number"),
        ({"groups": {"moon": LABELS}}, "groups has moon"),
        ({"groups": {"val": LABELS[:2]}}, r"the groups of val are an array \[2\]"),
        ({"groups": {"val": ["\ud800"] * 4}}, "the groups of val have a name that is no text"),
        ({"groups": {3: LABELS}}, "groups has 3"),
        (
            {"ood": {"photos": LOGITS}, "shift": {"photos": (LOGITS, LABELS)}},
            "have a set photos: give each set a name of",
        ),
        ({"ood": {"val": LOGITS}}, "have a set val"),
        ({"ood": {"": LOGITS}}, "have a set '': name each set with text"),
        ({"shift": {3: (LOGITS, LABELS)}}, "have a set 3: name each set with text"),
        ({"name": "a+b"}, "name is 'a\\+b': give text without"),
        ({"name": "a>b"}, "name is 'a>b': give text without"),
        ({"name": ""}, "name is ''"),
    ],
)
def test_bad_arrays_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        wee.from_arrays(**{"val": (LOGITS, LABELS), "test": (LOGITS, LABELS), **arguments})


def test_a_pick_that_matches_nothing_is_refused(store: Any) -> None:
    with pytest.raises(WeeError, match="pick=nonsense matches no entry that is read"):
        wee.from_store(store, "toy", "made", pick=["nonsense"])


def test_bad_choices_are_named(store: Any) -> None:
    source = wee.from_store(store, "toy", "made", scales=["s1"])
    for call, message in [
        (lambda: wee.run_sweep(source, ["cov@x"]), "there is no task 'cov@x'"),
        (lambda: wee.run_sweep(source, policies=["windw"]), "there is no policy 'windw'"),
        (lambda: wee.run_sweep(source, policies=["window"], size=1), "no policy of window applies"),
        (
            lambda: wee.calibrate(source, "cov@20"),
            r"give one of budget and target: budget=1e6, the largest average cost \(MACs\), or target=",
        ),
        (lambda: wee.calibrate(source, "cov@20", budget=1e9, target=80), "give one of budget and target"),
        (lambda: wee.calibrate(source, "cov@20", budget=-1), "budget is -1: it is an average cost, more than 0"),
        (lambda: wee.calibrate(source, "cov@20", budget=1e9, risk=5), "^risk is 5: it is a share between 0 and 1"),
        (lambda: wee.run_sweep(source, scores=lambda outputs: outputs.peak), "at the top level of a module"),
        (lambda: wee.calibrate(source, "fpr@95", budget=1), "about OOD data"),
        (lambda: wee.calibrate(source, "cov@20", budget=1), "nothing costs at most 1 MACs"),
        (lambda: wee.from_store(store, "toy", "other"), "has nothing of family other"),
        (lambda: wee.from_store(store, "toy", "made", members=5), "entries are not in"),
        (lambda: wee.from_store(store, "toy", "made", members=0), "members is 0: name at least one"),
        (lambda: wee.from_store(store, "toy", "made", members=True), "True is no member"),
        (lambda: wee.from_store(store, "toy", "made", members=[0, -1]), "-1 is no member"),
        (lambda: wee.from_store(store, "toy", "made", members=[0, 0]), "members is .*: name each once"),
        (lambda: wee.from_store(store, "toy", "made", scales=[]), "scales is .*: name at least one"),
        (lambda: wee.from_store(store, "toy", "made", scales=["s1", "s1"]), "scales is .*: name each once"),
        (lambda: wee.from_store(store, "toy", "made", ood=["far", "far"]), "ood is .*: name each once"),
        (lambda: wee.calibrate(source, "cov@20", budget=1e9, seed=-1), "seed is -1: a seed is a whole number"),
        (lambda: wee.calibrate(source, "cov@20", budget=1e9, seed=0.5), "seed is 0.5: a seed is a whole number"),
    ]:
        with pytest.raises(WeeError, match=message):
            call()


def test_a_single_value_is_the_same_as_a_list_of_one(store: Any) -> None:
    listed = wee.from_store(store, "toy", "made", ["s1"], [0, 1], ["far"])
    single = wee.from_store(store, "toy", "made", "s1", np.array([0, 1]), "far")
    assert [entry.address for entry in single.pool.entries] == [entry.address for entry in listed.pool.entries]
    with pytest.raises(WeeError, match="pick=nonsense matches no entry"):
        wee.from_store(store, "toy", "made", pick="nonsense")
    expected = wee.run_sweep(
        listed, ["risk@50"], ["accuracy"], ["threshold", "random"], ["all"], [0.3], [0.4], ["margin"]
    )
    table = wee.run_sweep(
        listed, "risk@50", "accuracy", ("threshold", "random"), "all", 0.3, np.array([0.4]), "margin"
    ).table
    pd.testing.assert_frame_equal(table, expected.table)
    window = wee.run_sweep(listed, policies="window", widths=0.3).table
    assert set(window.width) == {0.3}


def test_a_score_may_be_given_as_a_function_of_a_module(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'def squared(outputs):\n    """Squared confidence."""\n    return outputs.peak ** 2\n'
    (tmp_path / "scores_of_a_user.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("scores_of_a_user")
    source = wee.from_store(store, "toy", "made", scales="s1")
    table = wee.run_sweep(source, "cov@20", policies="window", scores=module.squared).table
    assert set(table.score) == {"scores_of_a_user:squared"}
    assert wee.calibrate(source, "cov@20", budget=1e9, score=module.squared).score == "scores_of_a_user:squared"


def test_what_cannot_be_certified_gives_a_warning(store: Any) -> None:
    source = wee.from_store(store, "toy", "made", scales="s1")
    with pytest.warns(UserWarning, match="not certified: ") as caught:
        chosen = wee.calibrate(source, "cov@20", budget=1e9, risk=0.001)
    assert chosen.threshold == float("inf")
    assert chosen.certification is not None
    assert [str(warning.message) for warning in caught] == [f"not certified: {chosen.certification.refusal}"]
    assert "refusal=" in repr(chosen)


def test_a_share_in_place_of_per_cent_is_noticed(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = wee.from_store(store, "toy", "made", scales="s1")
    wee.run_sweep(source, ["cov@0.05", "cov@5", "cov@1.5"])
    assert caplog.messages == ["cov@0.05 is about 0.05 per cent; for 5 per cent write cov@5"]


def test_groups_may_be_text_of_any_script() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=40)
    part = rng.normal(size=(2, 40, 3)) + np.eye(3)[labels], labels
    groups = np.array(["Köln", "東京"])[np.arange(40) % 2]
    for given in (groups, list(groups), groups.astype(object), np.char.encode(groups, "utf-8")):
        source = wee.from_arrays(part, part, groups={"test": given})
        assert set(source.pool.samples[TEST].groups) == {"Köln".encode(), "東京".encode()}
    table = wee.run_sweep(source, resamples=4).table
    assert set(table[table.split == "test"].groups) == {2}


def test_the_same_logits_for_validation_and_test_are_noticed(caplog: pytest.LogCaptureFixture) -> None:
    logits, labels = np.random.default_rng(0).normal(size=(2, 40, 3)), np.arange(40) % 3
    val, test = (logits[:, :20], labels[:20]), (logits[:, 20:], labels[20:])
    with caplog.at_level("WARNING", "wee"):
        wee.from_arrays(val, test)
        assert "the same logits" not in caplog.text
        wee.from_arrays(val, val)
    assert "val and test have the same logits" in caplog.text


def test_logits_may_be_tensors_of_any_floating_point_type() -> None:
    import torch

    logits = torch.arange(12.0).reshape(2, 2, 3).requires_grad_()
    source = wee.from_arrays((logits.to(torch.bfloat16), [0, 1]), (-logits, [1, 0]))
    np.testing.assert_array_equal(next(iter(source.pool.networks[1].logits.values())), logits.detach()[1])
