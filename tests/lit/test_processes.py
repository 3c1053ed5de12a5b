"""Several processes at one job leave behind what one would, whatever happens to one of them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from tests.helpers import trees
from tests.helpers.command_line import QUICK, Wee, last_report, receive_interrupts
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.lit import processes as module
from wee.lit.processes import start_processes, thread_count
from wee.lit.runtime import RuntimeConfig
from wee.store import Address, LogitStore

DATA = ("dataset=folder", "dataset.name=toy", "dataset.validation.count=9")
NETWORK = (
    "family=cifar_resnet", "+family.scales.tiny.model=cifar_resnet", "+family.scales.tiny.input_size=16",
    "+family.scales.tiny.kwargs={width:4,stem:4}", "scale=tiny",
)  # fmt: skip
NO_BATCH_NORM = (
    "family=vit", "+family.scales.mini.model=vit_tiny_patch16_224", "+family.scales.mini.input_size=16", "scale=mini",
    "+family.scales.mini.kwargs={img_size:16,patch_size:4,embed_dim:24,depth:1,num_heads:2}",
)  # fmt: skip
TRAINER = ("trainer=cifar", "trainer.epochs=2", "trainer.batch_size=8", "trainer.precision=32-true")
MADE = (*TRAINER, "trainer.epochs=20", "trainer.ema=0.9", "member=0")
STEPS = 20 * 3
CPU, TWO = "runtime.accelerator=cpu", "runtime.devices=2"


TRAIN = ("train", *DATA, *NETWORK, *MADE, CPU, TWO)


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder with images and a member trained by two processes: 15 test images, so that one has one more."""
    root = tmp_path_factory.mktemp("two")
    trees.class_folders(root / "data" / "toy" / "train", 12)
    trees.class_folders(root / "data" / "toy" / "test", 5)
    wee(*TRAIN, cwd=root)
    assert last_report(root, "train")["steps"] == STEPS
    return root


EVALUATE = (*DATA, *NETWORK, *MADE, CPU, "ood=none", "batch_size=4")


def there(root: Path, pattern: str) -> bool:
    """Whether a process has written something; what it moves away while we look counts as not there."""
    try:
        return any(root.rglob(pattern))
    except FileNotFoundError:
        return False


def test_two_processes_record_what_one_does(member: Path, wee: Wee) -> None:
    """In a multirun, whose every job has processes of its own."""
    wee("evaluate", *EVALUATE, "paths.store=one", cwd=member)
    batches = "batch_size=3,4"  # the second job finds everything done
    shown = wee("evaluate", "-m", *EVALUATE, TWO, "paths.store=two", "piece_samples=3", batches, cwd=member)
    assert "2 entries recorded (24 images)" in shown.stderr
    assert "0 entries recorded (0 images), 2 were there already" in shown.stderr
    assert "distributed" not in shown.stderr
    logs = sorted((member / "outputs" / "runs" / "evaluate").glob("*-multirun/*/evaluate-rank-1.log"))
    assert [log.parent.name for log in logs] == ["0", "1"]
    for split, count in ((VAL, 9), (TEST, 15)):
        address = Address("toy", "cifar_resnet", "tiny", 0, split)
        (one,), (two,) = (LogitStore(member / name).find(address) for name in ("one", "two"))
        assert one.key == two.key
        assert len(one.logits) == count
        np.testing.assert_array_equal(one.ids, two.ids)
        np.testing.assert_array_equal(one.labels, two.labels)
        np.testing.assert_allclose(one.logits, two.logits, rtol=1e-6, atol=1e-6)


def test_what_fails_in_one_process_is_told_once_and_the_rest_is_kept(member: Path, wee: Wee) -> None:
    image = member / "data" / "toy" / "test" / "ant" / "001.png"
    whole = image.read_bytes()
    image.write_bytes(b"no image")
    try:
        shown = wee("evaluate", *EVALUATE, TWO, "dataset.memory=false", "paths.store=bad", cwd=member, code=1).stderr
    finally:
        image.write_bytes(whole)
    assert "member 0 on test: process 1: the image data/toy/test/ant/001.png cannot be read" in shown
    assert "1 entry recorded (9 images)" in shown
    assert "Traceback" not in shown
    assert not list(member.glob("bad/**/*.lock"))


def test_two_processes_train_as_one_does(member: Path, wee: Wee, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(member / "data")
    train = ("train", *DATA, *NO_BATCH_NORM, *TRAINER, "trainer.accumulate=2", "member=0", CPU)
    wee(*train, "paths.checkpoints=one", cwd=tmp_path)
    wee(*train, TWO, "paths.checkpoints=two", cwd=tmp_path)
    one, two = (load_file(next((tmp_path / name).rglob("weights.safetensors"))) for name in ("one", "two"))
    for name, tensor in one.items():
        np.testing.assert_allclose(tensor, two[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_process_that_fails_in_training_ends_the_others(member: Path, wee: Wee, tmp_path: Path) -> None:
    trees.class_folders(tmp_path / "data" / "toy" / "train", 12)
    trees.class_folders(tmp_path / "data" / "toy" / "test", 5)
    bad = tmp_path / "data" / "toy" / "train" / "bee" / "003.png"
    bad.write_bytes(b"no image")
    crops = (*TRAINER, "trainer.augment.kind=crop", "dataset.validation.seed=1")
    shown = wee("train", *DATA, *NETWORK, *crops, "member=[0,1]", CPU, TWO, cwd=tmp_path, code=1).stderr
    assert "bee/003.png cannot be read" in shown
    assert "Traceback" not in shown
    assert not list((tmp_path / "outputs").rglob("*.lock"))


def test_a_killed_training_goes_on_and_leaves_no_process(member: Path, tmp_path: Path, wee: Wee) -> None:
    (tmp_path / "data").symlink_to(member / "data")
    arguments = [sys.executable, "-m", "wee", *TRAIN, "runtime.keep_every=0"]
    with subprocess.Popen(arguments, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}) as job:
        while not there(tmp_path / "outputs", "state.pt"):
            assert job.poll() is None
            time.sleep(0.02)
        job.send_signal(signal.SIGKILL)
    gone(tmp_path)
    wee(*TRAIN, cwd=tmp_path)
    assert 0 < last_report(tmp_path, "train")["steps"] < STEPS
    whole, resumed = (load_file(next((root / "outputs").rglob("weights.safetensors"))) for root in (member, tmp_path))
    for name, tensor in whole.items():
        np.testing.assert_array_equal(tensor, resumed[name], err_msg=name)


SLOW = ("scale=s1", "member=0", *QUICK, "ood=none", "batch_size=1", CPU, TWO)
MANY = ("dataset.base_images={train:120,val:60,test:60}", "dataset.draws={train:4,val:1,test:100}")


def begun(trained: Path, folder: Path) -> subprocess.Popen[str]:
    """A long evaluation by two processes, at its second entry."""
    shutil.copytree(trained / "outputs" / "checkpoints", folder / "outputs" / "checkpoints")
    job = subprocess.Popen(
        [sys.executable, "-m", "wee", "evaluate", *SLOW, *MANY, "piece_samples=50"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=receive_interrupts,
    )
    until = time.monotonic() + 120
    while not there(folder / "outputs" / "store", "test-*.partial/pieces/*.npz"):
        assert job.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    return job


def helpers(folder: Path) -> list[int]:
    """Processes at work in a folder that others have started there."""
    shown = subprocess.run(["pgrep", "-f", f"hydra.run.dir='{folder}"], capture_output=True, text=True, check=False)
    return [int(line) for line in shown.stdout.split()]


def gone(folder: Path) -> None:
    """Wait until they have ended."""
    until = time.monotonic() + 30
    while helpers(folder):
        assert time.monotonic() < until, "another process is still there"
        time.sleep(0.1)


def test_an_interrupted_evaluation_ends_all_processes_and_goes_on(trained: Path, tmp_path: Path, wee: Wee) -> None:
    with begun(trained, tmp_path) as job:
        os.killpg(job.pid, signal.SIGINT)  # as a terminal does
        told = job.communicate(timeout=60)[1]
    assert job.returncode == 130, told
    assert "wee evaluate: interrupted; what was finished is kept" in told
    assert "Traceback" not in told
    gone(tmp_path)
    wee("evaluate", *SLOW, *MANY, "batch_size=50", cwd=tmp_path)
    assert 0 < last_report(tmp_path, "evaluate")["images"] < 60 * 100


def test_a_lost_process_is_told(trained: Path, tmp_path: Path) -> None:
    with begun(trained, tmp_path) as job:
        (other,) = helpers(tmp_path)
        os.kill(other, signal.SIGKILL)
        told = job.communicate(timeout=90)[1]
    assert job.returncode == 1
    assert "another process was lost" in told or "process 1 ended with -9" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"devices": 0}, "runtime.devices is 0"),
        ({"devices": "two"}, "runtime.devices is two"),
        ({"devices": [0, -2]}, "list of their numbers"),
        ({"num_nodes": 0}, "runtime.num_nodes is 0"),
        ({"strategy": "dpp"}, "runtime.strategy"),
        ({"threads": -1}, "runtime.threads is -1: it must be 0 or more"),
        ({"workers": -1}, "runtime.workers is -1: it must be 0 or more"),
    ],
)
def test_devices_that_cannot_be_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(WeeError, match=words.replace("[", "\\[")):
        RuntimeConfig(**settings)  # type: ignore[arg-type]


def test_no_more_processes_are_started_than_there_are_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(module, "_start", lambda *arguments: started.append(arguments))
    monkeypatch.setattr(module, "processors", lambda: 3)
    words = r"runtime.devices asks for 99 processes on CPU, but this job may use 3 processors; give runtime.devices=3 or less"
    with pytest.raises(WeeError, match=words), start_processes("train", RuntimeConfig(accelerator="cpu", devices=99)):
        pass
    assert not started


@pytest.mark.parametrize(("count", "allowed", "refused"), [(1, 2, 3), (2, 2, 3), (8, 8, 9)])
def test_two_processes_can_be_tried_anywhere(
    monkeypatch: pytest.MonkeyPatch, count: int, allowed: int, refused: int
) -> None:
    monkeypatch.setattr(module, "processors", lambda: count)
    module._check_processors(allowed)
    with pytest.raises(WeeError, match=f"runtime.devices={allowed} or less"):
        module._check_processors(refused)


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which torch would use 8 threads."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(module, "processors", lambda: 16)  # two for each core


@pytest.mark.parametrize(
    ("settings", "processes", "at_once", "expected"),
    [
        ({}, 1, 1, 8),
        ({}, 2, 1, 4),
        ({}, 1, 4, 2),
        ({}, 2, 2, 2),
        ({"workers": 3}, 1, 1, 5),
        ({"workers": 3}, 2, 1, 1),
        ({"workers": 30}, 1, 1, 1),
        ({"threads": 5}, 2, 2, 5),
    ],
)
def test_processors_are_divided(
    eight: None, monkeypatch: pytest.MonkeyPatch, settings: dict[str, int], processes: int, at_once: int, expected: int
) -> None:
    monkeypatch.setattr(module, "jobs_at_once", lambda: at_once)
    assert thread_count(RuntimeConfig(**settings), processes) == expected


def test_a_quota_bounds_threads_and_the_user_overrules_it(eight: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "processors", lambda: 3)
    assert thread_count(RuntimeConfig()) == 3
    assert thread_count(RuntimeConfig(threads=6)) == 6
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert thread_count(RuntimeConfig(), processes=2) == 8


def test_one_process_has_its_threads_and_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    with start_processes("train", RuntimeConfig(threads=before + 3)) as alone:
        assert alone.size == 1
        assert torch.get_num_threads() == before + 3
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("threads", "load", "told"), [(0, 5.25, True), (1, 5.25, False), (0, None, False)])
def test_a_busy_machine_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, threads: int, load: float | None, told: bool
) -> None:
    monkeypatch.setattr(module, "thread_count", lambda runtime: 2)
    monkeypatch.setattr(module, "busy", lambda: load)
    with start_processes("train", RuntimeConfig(threads=threads)):
        pass
    assert caplog.text.count("busy (load 5.2); jobs that run side by side are faster with runtime.threads=1") == told


def test_which_configs_ask_for_one_process() -> None:
    assert RuntimeConfig().single
    assert RuntimeConfig(devices="1").single
    assert RuntimeConfig(devices=[3]).single
    assert not RuntimeConfig(devices="2").single
    assert not RuntimeConfig(num_nodes=2).single
    assert not RuntimeConfig(devices="auto").single


def test_two_machines_record_what_one_does(member: Path) -> None:
    """As a user starts them by hand: the same command on each, with its number and the first one's address."""
    arguments = [sys.executable, "-m", "wee", "evaluate", *EVALUATE, "paths.store=nodes", "runtime.num_nodes=2"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    machines = [
        subprocess.Popen(
            arguments, cwd=member, env={**shared, "NODE_RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    told = [machine.communicate(timeout=300)[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], told
    assert "2 entries recorded (24 images)" in told[0]
    assert told[1] == ""
    (entry,) = LogitStore(member / "nodes").find(Address("toy", "cifar_resnet", "tiny", 0, TEST))
    assert len(entry.logits) == 15
