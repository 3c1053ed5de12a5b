"""`wee import`: other people's logits in, golden values out; whatever is wrong is told, and nothing is written."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests.helpers.command_line import Wee, last_report
from wee.app.paths import PathsConfig
from wee.commands.import_ import ImportConfig, import_logits
from wee.data.logit_files import read
from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.models.config import FamilyConfig
from wee.store import Address, LogitStore
from wee.sweep.pool import read_pool
from wee.sweep.results import read_table

FAR = SplitName.ood("far")
GOLDEN = Path(__file__).parents[1] / "golden"
NAMED = ("dataset.name=golden", "family.name=synthetic")
STORED = ("dataset=stored", "dataset.name=golden", "family=stored", "family.name=synthetic")


def test_two_commands_give_the_golden_values(tmp_path: Path, wee: Wee) -> None:
    """Import and sweep: no model, no image; SC, OOD detection and SCOD, and the adjusted windows."""
    done = wee("import", f"file={GOLDEN / 'ensemble.npz'}", *NAMED, "scale=s1", "macs=1e9", cwd=tmp_path)
    assert "8 entries imported, 0 were there already" in done.stderr
    told = " ".join(done.stderr.split())
    assert "read the logits of 2 members for 20 classes; samples: val 2,000, test 2,500, ood-near_ood 2,500" in told
    stored = {path.name for path in (tmp_path / "outputs" / "store").glob("golden/synthetic/s1/0/*") if path.is_dir()}
    assert stored == {
        "val-73547d81625b571d", "test-ccbed99cb797bc6d", "ood-near_ood-bf3748dc345d565d", "ood-far_ood-26b943ca7225e92a",
    }, "entries that users have imported must be found again"  # fmt: skip
    again = wee("import", f"file={GOLDEN / 'ensemble.npz'}", *NAMED, "scale=s1", "macs=1e9", cwd=tmp_path)
    assert "0 entries imported, 8 were there already" in again.stderr
    tasks = ("task.names=[cov@5,cov@10,risk@50,risk@80,fpr@80,fpr@95]", "task.metrics=[aurc,auroc,top1_error,nll]")
    wee("sweep", *STORED, "score=all", "policy=paper", "ensemble.orders=given", *tasks, cwd=tmp_path)
    (path,) = (tmp_path / "outputs" / "sweeps").rglob("table.csv")
    table = read_table(path)
    table = table[(table.split == "test") & (table.members != "1")]

    compared = 0
    for case in json.loads((GOLDEN / "ensemble.json").read_text())["cases"]:
        policy = case["policy"].removesuffix("_model")
        if policy == "single_threshold" or str(case.get("task", "")).startswith("fpr"):
            continue
        rows = table[table.policy == policy]
        if policy == "window":
            rows = rows[(rows.score == case["score"]) & (rows.task == case["task"]) & (rows.width == case["width"])]
        compared += _compare(rows[rows.ood.isna()], case["result"]["id"], case["result"]["id"]["macs"])
        for ood in ("near_ood", "far_ood"):
            own, expected = rows[rows.ood == ood], case["result"][ood]
            flat = {**expected, **expected["scod"]}
            compared += _compare(
                own[~own.adjusted.astype(bool)], flat, (expected["macs"] + case["result"]["id"]["macs"]) / 2
            )
            if policy == "window":
                moved = expected["adjusted"]
                macs = (moved["id_macs"] + moved["ood_macs"]) / 2
                compared += _compare(own[own.adjusted.astype(bool)], {**moved, **moved["scod"]}, macs)
    assert compared > 1200


def _compare(rows: Any, expected: dict[str, Any], macs: float) -> int:
    found = rows.set_index(["metric", "eval_score"]).value
    assert rows.macs.iloc[0] == pytest.approx(macs, rel=1e-6)
    compared = 0
    for metric in rows.metric.unique():
        if metric not in expected:
            continue
        by_score = expected[metric] if isinstance(expected[metric], dict) else {np.nan: expected[metric]}
        for score, value in by_score.items():
            if score in ("mean_msp", "mean_entropy"):
                continue
            own = rows[rows.metric == metric].value.iloc[0] if score is np.nan else found.loc[(metric, score)]
            assert own == pytest.approx(value, abs=1e-6 if metric in ("aurc", "nll") else 1e-4), (metric, score)
            compared += 1
    return compared


def arrays(members: int = 2, count: int = 20, classes: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {
        f"{name}_logits": rng.normal(size=(members, count, classes)).astype(np.float32)
        for name in ("val", "test", "far")
    }
    return found | {f"{name}_labels": rng.integers(classes, size=count) for name in ("val", "test")}


def test_every_kind_of_file_gives_the_same(tmp_path: Path) -> None:
    data = arrays()
    np.savez(tmp_path / "all.npz", **data)
    save_file({key: np.ascontiguousarray(value) for key, value in data.items()}, tmp_path / "all.safetensors")
    for k in range(2):
        own = {key: value[k] if key.endswith("logits") else value for key, value in data.items()}
        np.savez(tmp_path / f"{k}.npz", **own)
        sets = {"imagenet": own["test_logits"], "imagenet_val": own["val_logits"], "far": own["far_logits"]}
        variants = {"afp, wfp": {name: torch.from_numpy(z) for name, z in sets.items()}, "a8, w8": {}}
        torch.save(variants, tmp_path / f"{k}.pt")
    labels = {}
    for split in ("val", "test"):
        np.savetxt(tmp_path / f"{split}.txt", data[f"{split}_labels"], fmt="%d")
        labels[split] = str(tmp_path / f"{split}.txt")
    whole = read([tmp_path / "all.npz"], {}, {}, None)
    assert set(whole) == {VAL, TEST, FAR}
    assert set(whole[FAR].labels) == {-1}
    others = [
        read([tmp_path / "all.safetensors"], {}, {}, None),
        read([tmp_path / "0.npz", tmp_path / "1.npz"], {}, {}, None),
        read([tmp_path / "0.pt", tmp_path / "1.pt"], labels, {}, "afp, wfp"),
    ]
    for other in others:
        for split, one in whole.items():
            assert (other[split].logits == one.logits).all()
            assert (other[split].labels == one.labels).all()


def test_the_authors_exits_are_read_in_order(tmp_path: Path) -> None:
    heads = {f"head{k}": torch.full((6, 3), float(k)) for k in (1, 10, 2)}
    torch.save({"imagenet": heads, "imagenet_val": heads}, tmp_path / "m.pt")
    for split in ("val", "test"):
        np.save(tmp_path / f"{split}.npy", np.zeros(6, dtype=np.int64))
    labels = {split: str(tmp_path / f"{split}.npy") for split in ("val", "test")}
    found = read([tmp_path / "m.pt"], labels, {}, None)
    assert found[VAL].logits[:, 0, 0].tolist() == [1.0, 2.0, 10.0]


class Code:
    """What a malicious pickle looks like."""

    def __reduce__(self) -> Any:
        return (Path("ran").touch, ())


def spoil(path: Path, how: str) -> None:
    data: dict[str, Any] = arrays()
    if how == "nan":
        data["test_logits"][1, 7, 2] = np.nan
    elif how == "labels":
        data["val_labels"][3] = 4
    elif how == "negative":
        data["val_labels"][3] = -1
    elif how == "float labels":
        data["val_labels"] = data["val_labels"] + 0.5
    elif how == "counts":
        data["val_labels"] = data["val_labels"][:-1]
    elif how == "swapped axes":
        data |= {key: np.swapaxes(array, 0, 1) for key, array in data.items() if key.endswith("_logits")}
    elif how == "one member less":
        data["val_logits"] = data["val_logits"][0]
    elif how == "other names":
        data = {"logits": data["val_logits"], "labels": data["val_labels"], "far_logits": data["far_logits"]}
    elif how == "probabilities":
        data["far_logits"] = torch.from_numpy(data["far_logits"]).softmax(dim=-1).numpy()
    elif how == "integers":
        data["val_logits"] = data["val_logits"].astype(np.int64)
    elif how == "classes":
        data["far_logits"] = data["far_logits"][..., :3]
    elif how == "no test":
        del data["test_logits"]
    elif how == "no labels":
        del data["test_labels"]
    elif how == "objects":
        data["val_logits"] = np.array([Code()], dtype=object)
    np.savez(path, **data)
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan", r"test_logits in .*: 1 value are not finite, the first of member 1, sample 7"),
        ("labels", r"the val labels in .* run from 0 to 4, but the logits have 4 classes: labels lie in 0\.\.3"),
        ("negative", r"run from -1 to"),
        ("float labels", r"the val labels in .* are float64; labels are whole numbers"),
        (
            "counts",
            r"val_labels in .* has shape \[19\], but val_logits \[2, 20, 4\], .* have 20 samples: expected is \[20\]",
        ),
        (
            "swapped axes",
            (
                r"val_labels in .* has 20 elements, but val_logits \[20, 2, 4\], .* the first two axes look swapped. "
                r"Expected are logits \[members, samples, classes\] or \[samples, classes\]"
            ),
        ),
        (
            "one member less",
            r"number of members or exits: the shapes are val_logits \[20, 4\], test_logits \[2, 20, 4\], far_logits",
        ),
        (
            "other names",
            r"has no array val_logits; its arrays are far_logits, labels, logits\. Expected are val_logits, val_labels, test_",
        ),
        (
            "probabilities",
            r"far_logits in .* are probabilities: .* Give the values before the softmax, or the logarithms",
        ),
        ("integers", r"val_logits in .* are int64; logits are floating-point"),
        ("classes", r"differ in their number of classes"),
        ("no test", r"has no array test_logits; its arrays are far_logits"),
        ("no labels", r"has no test_labels; name a file that has them: labels.test=FILE"),
        ("objects", r"pickled Python objects, which could run code and are not read"),
        ("truncated", r"is damaged or no \.npz file"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, how: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spoil(tmp_path / "f.npz", how)
    with pytest.raises(WeeError, match=message):
        read([tmp_path / "f.npz"], {}, {}, None)
    assert not (tmp_path / "ran").exists()


def test_code_in_a_torch_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.pt").write_bytes(pickle.dumps({"imagenet": Code()}))
    torch.save({"imagenet": Code()}, tmp_path / "g.pt")
    for name in ("f.pt", "g.pt"):
        with pytest.raises(WeeError, match="cannot be read as plain tensors"):
            read([tmp_path / name], {}, {}, None)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"PK\x03\x04", b"no tensors"])
def test_torch_files_that_are_none_are_told(tmp_path: Path, content: bytes) -> None:
    """Also where torch's error has no message."""
    (tmp_path / "f.pth").write_bytes(content)
    with pytest.raises(WeeError, match=r"f\.pth cannot be read as plain tensors .*: \w+"):
        read([tmp_path / "f.pth"], {}, {}, None)


def test_members_of_different_lengths_are_told(tmp_path: Path) -> None:
    for k, count in enumerate((20, 19)):
        data = arrays(1, count)
        np.savez(tmp_path / f"{k}.npz", **data)
    with pytest.raises(WeeError, match=r"the members' val_logits differ in shape"):
        read([tmp_path / "0.npz", tmp_path / "1.npz"], {}, {}, None)


def imported(root: Path, **arguments: Any) -> LogitStore:
    """The store below a folder, after an import into it."""
    paths = PathsConfig(store=str(root / "store"))
    dataset, family = {"name": "d", "kind": "stored"}, FamilyConfig(name="f", stored=True)
    import_logits(ImportConfig(paths, dataset, family, scale="s1", macs=1e9, **arguments))
    return LogitStore(paths.store)


@pytest.mark.parametrize(
    ("factor", "dtype", "message"),
    [
        (
            1,
            "float16",
            r"differ in their weights and dtype: .* Import both with the same dtype=\.\.\., or choose entries of one",
        ),
        (
            2,
            "float32",
            r"differ in their weights: .* Import all splits of a member with one command, or choose entries of one",
        ),
    ],
)
def test_splits_of_two_imports_are_not_mixed(tmp_path: Path, factor: int, dtype: str, message: str) -> None:
    np.savez(tmp_path / "first.npz", **arrays())
    np.savez(tmp_path / "second.npz", **arrays() | {"far_logits": factor * arrays()["far_logits"]})
    store = imported(tmp_path, file=tmp_path / "first.npz")
    first = {entry.key for split in (VAL, TEST) for entry in store.find(Address("d", "f", "s1", 0, split))}
    imported(tmp_path, file=tmp_path / "second.npz", dtype=dtype)
    keys = [
        entry.key
        for split in (VAL, TEST)
        for entry in store.find(Address("d", "f", "s1", 0, split))
        if (entry.key in first) == (split == VAL)
    ]
    assert len(first) == len(keys) == 2
    with pytest.raises(WeeError, match=message):
        read_pool(store, "d", "f", ["s1"], [0], (VAL, TEST), keys)


def test_other_costs_are_given_with_the_logits_or_later(tmp_path: Path) -> None:
    np.savez(tmp_path / "logits.npz", **arrays())
    address = Address("d", "f", "s1", 0, VAL)
    (before,) = imported(tmp_path, file=tmp_path / "logits.npz").find(address)
    assert before.cost("parameters") is None
    (after,) = imported(tmp_path, file=tmp_path / "logits.npz", costs={"parameters": 5}).find(address)
    assert (after.key, after.checksum) == (before.key, before.checksum)
    assert {cost.name: cost.values for cost in after.costs} == {"macs": [1e9], "parameters": [5.0]}
    for costs, message in (
        ({"parameters": 6}, r"has the cost parameters already, as \[5.0\] and not \[6.0\]"),
        ({"parameters": [1, 2, 3, 4, 5, 6, 7]}, "costs.parameters has 7 numbers"),
        ({"parameters": -1}, "costs.parameters is -1: it must be a positive number"),
        ({"my watts": 1}, "there is no cost 'my watts': a cost whose numbers you give has a name of letters"),
        ({"energy_mj": "5 mJ"}, "costs.energy_mj is '5 mJ': it must be a positive number"),
        ("%s", "costs is '%s': give each cost by its name"),
        ({"macs": 1}, "costs has macs, which has a field of its own: macs=NUMBER"),
    ):
        with pytest.raises(WeeError, match=message):
            imported(tmp_path, file=tmp_path / "logits.npz", costs=costs)


def test_costs_with_plain_names_go_from_the_import_to_the_card(tmp_path: Path, wee: Wee) -> None:
    rng = np.random.default_rng(0)
    given = {}
    for name in ("val", "test"):
        labels = rng.integers(3, size=400)
        signal = 2 * np.eye(3)[labels] + rng.normal(size=(400, 3))
        given |= {f"{name}_labels": labels, f"{name}_logits": signal + rng.normal(size=(2, 400, 3))}
    np.savez(tmp_path / "mine.npz", **given)
    first = ("import", "file=mine.npz", *NAMED, "scale=s1", "macs=1e9", "costs={latency_ms: 3.2, tokens: [7, 8]}")
    told = wee(*first, cwd=tmp_path).stderr
    assert "macs 1 G MACs; latency_ms 3.2 ms; tokens 7 tokens, 8 tokens" in " ".join(told.split())
    wee("import", "file=mine.npz", *NAMED, "scale=s1", "macs=1e9", "costs.energy_mj=[5,6]", cwd=tmp_path)

    sweep = ("sweep", *STORED, "task.names=[cov@20]", "policy=paper")
    shown = wee(*sweep, "cost=latency_ms", "name=timed", cwd=tmp_path).stdout
    assert "latency (ms)" in shown
    (path,) = (tmp_path / "outputs" / "sweeps" / "timed").rglob("table.csv")
    table = read_table(path)
    assert set(table.cost) == {"latency_ms"}
    assert table[table.policy == "ensemble"].price.unique() == pytest.approx([6.4])
    assert table.macs.isna().all()
    failed = " ".join(wee(*sweep, "cost=latncy", cwd=tmp_path, code=1).stderr.split())
    assert "have no cost latncy: " in failed
    assert "(known: macs, energy_mj, latency_ms, tokens). Give it where the logits are imported: wee import" in failed
    assert failed.endswith("'costs={latncy: NUMBER}'")

    figure = ("figure", "sweeps=timed", "figure.panels=[cov@20]", "figure.formats=[svg]", "name=f")
    wee(*figure, cwd=tmp_path)
    assert "average latency (ms)" in (tmp_path / "outputs" / "figures" / "f.svg").read_text()

    calibrate = ("calibrate", *STORED, "task=cov@20", "cost=energy_mj", "name=c")
    assert "give budget.energy_mj" in wee(*calibrate, "budget.macs=1e9", cwd=tmp_path, code=1).stderr
    failed = wee(*calibrate, "budget.energy_mj=4.9", cwd=tmp_path, code=1).stderr
    assert "nothing costs at most 4.9 mJ: the cheapest setting costs 5 mJ a sample" in failed
    assert "average energy (mJ)" in wee(*calibrate, "budget.energy_mj=7", cwd=tmp_path).stdout
    card = (tmp_path / "outputs" / "cascades" / "c" / "card.md").read_text()
    assert "The setting was chosen for a budget of 7 mJ." in card
    assert "| stage | network | input | energy (mJ) |" in card


def test_a_dtype_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeeError, match="there is no dtype 'bfloat16'; did you mean 'float16'"):
        imported(tmp_path, file="none.npz", dtype="bfloat16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["file=none.npz", "macs=1"], "there is no file none.npz in {here}"),
        (["file=f.csv", "macs=1"], "there is no kind of logit file '.csv'"),
        (["file=f.npz", "macs=0"], "macs is 0: it must be a positive number"),
        (
            ["file=f.npz", "macs=1", "names=valid"],
            "names is 'valid': it has a text for each name, such as names.valid=val",
        ),
        (["file=f.npz", "macs=[1,2,3]"], "macs has 3 numbers for 2 members"),
        (["file=f.npz", "macs=1", "member=[0]"], "the files have 2 members"),
        (["file=f.npz"], "macs is not set; give it a value: macs=..."),
    ],
)
def test_nothing_is_written_when_anything_is_wrong(
    tmp_path: Path, wee: Wee, arguments: list[str], message: str
) -> None:
    np.savez(tmp_path / "f.npz", **arrays())
    (tmp_path / "f.csv").write_text("1,2\n")
    done = wee("import", *arguments, *NAMED, "scale=s1", cwd=tmp_path, code=1)
    assert message.format(here=tmp_path) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs" / "store").exists()


def test_exits_are_swept_from_the_command_line(tmp_path: Path, wee: Wee) -> None:
    golden = json.loads((GOLDEN / "multi_exit.json").read_text())
    macs = f"macs={golden['macs']}".replace(" ", "")
    wee("import", f"file={GOLDEN / 'multi_exit.npz'}", *NAMED, "scale=s1", macs, "exits=true", cwd=tmp_path)
    sets = ("ensemble=exits", "ensemble.members=1", "policy=paper", "window.width=[0.2,[0.5,0.2]]")
    wee("sweep", *STORED, *sets, "task.names=[cov@5]", cwd=tmp_path)
    (path,) = (tmp_path / "outputs" / "sweeps").rglob("table.csv")
    table = read_table(path)
    compared = 0
    for case in golden["cases"]:
        width = (
            "+".join(f"{w:g}" for w in case["widths"])
            if len(case.get("widths", [])) > 1
            else case.get("widths", [None])[0]
        )
        exits = "+".join(str(e + 1) for e in case["exits"])
        rows = table[
            (table.exits == exits) & (table.task == case.get("task")) & (table.width == width) & (table.split == "test")
        ]
        for metric in ("cov@5", "aurc"):
            for row in rows[rows.metric == metric].itertuples():
                assert row.value == pytest.approx(case["result"]["id"][metric]["msp"], abs=1e-4)
                assert row.macs == pytest.approx(case["result"]["id"]["macs"], rel=1e-6)
                compared += 1
    assert compared == 4


def test_labelled_sets_beside_the_test_set_are_shifted_test_sets(tmp_path: Path, wee: Wee) -> None:
    rng = np.random.default_rng(0)
    sets = {"val": 60, "test": 50, "worn": 40, "far": 30}
    arrays = {f"{name}_logits": rng.normal(size=(2, count, 3)) for name, count in sets.items()}
    arrays |= {f"{name}_labels": rng.integers(3, size=sets[name]) for name in ("val", "test", "worn")}
    arrays["val_logits"][1, 5] = arrays["val_logits"][1, 4] * (1 + 1e-10)  # the same in float32
    np.savez(tmp_path / "mine.npz", **arrays)  # type: ignore[arg-type]
    done = wee("import", "file=mine.npz", *NAMED, "scale=s1", "macs=1e9", cwd=tmp_path)
    assert "makes maximum softmax probabilities equal that differ in the files: val 2 of 120 (over all" in done.stderr
    newly_tied = {"val": 2, "test": 0, "shift-worn": 0, "ood-far": 0}
    expected = {"imported": 8, "already_there": 0, "costs_added": 0, "newly_tied": newly_tied}
    assert last_report(tmp_path, "import") == expected
    shown = wee("sweep", *STORED, "task.names=[cov@80,fpr@80]", cwd=tmp_path).stdout
    assert "shift-worn, msp" in shown
    (path,) = (tmp_path / "outputs" / "sweeps").rglob("table.csv")
    table = read_table(path)
    assert set(table.split) == {"val", "test", "shift-worn"}
    assert set(table.ood.dropna()) == {"far"}
    worn = table[(table.split == "shift-worn") & (table.policy == "single") & (table.metric == "accuracy")]
    right = (arrays["worn_logits"].argmax(-1) == arrays["worn_labels"]).mean(axis=1) * 100
    np.testing.assert_allclose(worn.sort_values("members").value.unique(), right)
    wee("sweep", *STORED, "task.names=[cov@80]", "dataset.ood=[]", "dataset.shift=[]", "name=bare", cwd=tmp_path)
    (path,) = (tmp_path / "outputs" / "sweeps" / "bare").rglob("table.csv")
    assert set(read_table(path).split) == {"val", "test"}
    failed = wee("sweep", *STORED, "task.names=[cov@80]", "dataset.shift=rain", cwd=tmp_path, code=1).stderr
    assert "worn" in failed
    assert set(read([tmp_path / "mine.npz"], {}, {}, None, ["worn"])) == {VAL, TEST, SplitName.ood("worn"), FAR}
