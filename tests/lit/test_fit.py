"""Training: interrupted anywhere it goes on, and ends with the weights of one that was not."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file

from tests.helpers.command_line import SMALL, Wee
from tests.helpers.training import Stop, recipe, run
from wee.app.paths import conf_dir
from wee.app.typed import to_object
from wee.data.augment import Augment
from wee.data.base import Split
from wee.data.images.config import ImagesConfig
from wee.errors import WeeError
from wee.files import read_checked
from wee.lit import fit
from wee.lit.member import MemberModule
from wee.lit.runtime import RuntimeConfig
from wee.members.trainer import TrainerConfig


@pytest.mark.parametrize(
    "changes", [{}, {"precision": "bf16-mixed"}, {"accumulate": 2}, {"ema": 0.9}, {"augment": Augment("crop")}]
)
def test_an_interrupted_training_ends_with_the_same_weights(
    dataset: ImagesConfig, tmp_path: Path, changes: dict[str, object]
) -> None:
    made = recipe(dataset, **changes)
    whole = run(made, tmp_path / "whole")
    for stop in (1, 6, 9):  # in the middle of an epoch, and more than once
        with pytest.raises(Stop):
            run(made, tmp_path / "broken", stop_after=stop)
        torch.rand(stop)
    found = run(made, tmp_path / "broken")
    assert found.keys() == whole.keys()
    for name in whole:
        assert torch.equal(found[name], whole[name]), name
    assert not list((tmp_path / "broken").glob("*.training"))


def test_a_training_saves_its_state_before_it_terminates(dataset: ImagesConfig, tmp_path: Path) -> None:
    """SIGTERM comes long before the state would be saved the next time."""
    expected = run(recipe(dataset), tmp_path / "whole")
    splits: list[Split] = [dataset.split(name) for name in ("train", "val")]
    runtime = RuntimeConfig(accelerator="cpu", keep_every=1e9)
    done: list[int] = []

    def step(count: int) -> None:
        done.append(count)
        if len(done) == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        fit.train_member(recipe(dataset), *splits, tmp_path / "stopped" / "member", runtime, [], step)
    content = read_checked(tmp_path / "stopped" / "member.training" / "state.pt")
    state = torch.load(io.BytesIO(content), weights_only=True)
    assert state["step"] == 4
    assert len(done) == 4
    actual = run(recipe(dataset), tmp_path / "stopped")
    assert all(torch.equal(actual[name], expected[name]) for name in expected)


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}])
def test_a_training_that_was_killed_after_its_last_step_keeps_its_weights(
    dataset: ImagesConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    """The state of the last step was saved, and the member was not."""

    def killed(*_: object) -> None:
        raise Stop

    made = recipe(dataset, **changes)
    expected = run(made, tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(fit.checkpoints, "save", killed)
        with pytest.raises(Stop):
            run(made, tmp_path / "killed")
    assert (tmp_path / "killed" / "member.training" / "state.pt").is_file()
    actual = run(made, tmp_path / "killed")
    assert all(torch.equal(actual[name], expected[name]) for name in expected)


def test_a_state_that_cannot_be_read_is_said_and_begun_anew(
    dataset: ImagesConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = recipe(dataset)
    with pytest.raises(Stop):
        run(made, tmp_path / "broken", stop_after=5)
    (state,) = tmp_path.rglob("state.pt")
    state.write_bytes(state.read_bytes()[:1000])
    found, whole = run(made, tmp_path / "broken"), run(made, tmp_path / "whole")
    assert "cannot be read" in caplog.text
    assert all(torch.equal(found[name], whole[name]) for name in whole)


def test_an_average_is_another_members_weights(dataset: ImagesConfig, tmp_path: Path) -> None:
    plain, average = (run(recipe(dataset, ema=ema), tmp_path / str(ema)) for ema in (None, 0.9))
    assert plain.keys() == average.keys()
    assert any((plain[name] != average[name]).any() for name in plain)


def test_steps_or_epochs() -> None:
    with pytest.raises(WeeError, match="give one of them"):
        TrainerConfig("t", lr=0.1)
    with pytest.raises(WeeError, match="give one of them"):
        TrainerConfig("t", lr=0.1, steps=3, epochs=3)
    assert TrainerConfig("t", lr=0.1, epochs=3, batch_size=8).total_steps(30) == 9


def test_a_killed_command_goes_on(tmp_path: Path, wee: Wee) -> None:
    """Kill -9 in the middle of a training."""
    arguments = (
        "train",
        "scale=s1",
        "member=0",
        *SMALL,
        "trainer.steps=150",
        "trainer.batch_size=64",
        "runtime.keep_every=0.2",
    )
    wee(*arguments, f"paths.outputs={tmp_path}/whole", cwd=tmp_path)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "wee", *arguments], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
    )
    for _ in range(2400):
        if list(tmp_path.rglob("outputs/**/state.pt")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = wee(*arguments, cwd=tmp_path).stderr
    assert "going on with a training that was interrupted after" in told
    weights = [
        load_file(next(tmp_path.glob(f"{one}/checkpoints/**/weights.safetensors"))) for one in ("whole", "outputs")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_papers_recipe(dataset: ImagesConfig, tmp_path: Path, wee: Wee) -> None:
    """Of METHOD: 250 epochs, 5 of them warm-up from 1 % of 0.2, plain momentum; and it runs, in small."""
    config = to_object(TrainerConfig, OmegaConf.load(conf_dir() / "trainer" / "paper.yaml"))
    steps = config.total_steps(1_281_167 - 50_000)
    assert steps == 250 * 1202
    module = MemberModule(torch.nn.Linear(2, 2), config, steps)
    made = module.configure_optimizers()
    (group, *_), schedule = made["optimizer"].param_groups, made["lr_scheduler"]["scheduler"]
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.9, False, 0.0)  # the bias
    assert made["optimizer"].param_groups[1]["weight_decay"] == 4e-5
    rates = [schedule.get_last_lr()[0]]
    made["optimizer"].step()
    for _ in range(steps):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    assert rates[0] == pytest.approx(0.002)
    assert rates[5 * 1202] == pytest.approx(0.2)
    assert max(rates) == pytest.approx(0.2)
    assert rates[5 * 1202 + 245 * 1202 // 2] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    small = ("trainer=paper", "trainer.epochs=2", "trainer.batch_size=8", "runtime.accelerator=cpu")
    place = ("dataset=folder", "dataset.name=toy", f"dataset.root={dataset.root}", "dataset.validation.count=6")
    network = (
        "family=cifar_resnet",
        "+family.scales.t.model=cifar_resnet",
        "+family.scales.t.input_size=16",
        "scale=t",
    )
    shown = wee("train", *place, *network, "+family.scales.t.kwargs={width:4,stem:4}", *small, "member=0", cwd=tmp_path)
    assert "1 trained (8 steps)" in shown.stderr
