"""`wee store` as its users meet it."""

from __future__ import annotations

import csv
import json
import logging
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.broken import DEAD, KEY, add_unfinished, entry_folder, flip
from tests.helpers.command_line import Wee
from tests.helpers.configs import composed
from tests.helpers.stores import fill_store
from wee.commands.shorthand import ACTIONS, as_overrides
from wee.commands.store import COMMAND, StoreConfig, store_help
from wee.errors import WeeError
from wee.store import LogitStore


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a small store in outputs/store."""
    fill_store(tmp_path / "outputs" / "store", members=2, scales=("s1", "s2"), count=10)
    return tmp_path


def run(place: Path, *arguments: str) -> None:
    """Run `wee store` in this process, with the store of a folder."""
    cfg = composed("store", *as_overrides("store", arguments), f"paths.outputs={place / 'outputs'}")
    assert isinstance(cfg, StoreConfig)
    COMMAND.work(cfg)


def store_of(place: Path) -> LogitStore:
    return LogitStore(place / "outputs" / "store")


def test_ls_is_a_table_with_totals(place: Path, wee: Wee) -> None:
    add_unfinished(place / "outputs" / "store" / "toy" / "made" / "s1" / "0")
    (entry_folder(store_of(place), "toy/made/s2/1/val") / "labels.npy").unlink()
    told = wee("store", "ls", cwd=place).stdout
    for words in (
        "toy/made/s1/0/test",
        "10 x 5",
        "float32",
        "unfinished: 40 of 10 samples",
        "damaged: labels.npy is missing",
    ):
        assert words in told
    assert "8 entries, 1 unfinished entry in outputs/store" in told
    assert "1 damaged: `wee store verify` says how to repair them" in told
    assert wee("store", cwd=place).stdout == told
    assert [path.name for path in (place / "outputs").iterdir()] == ["store"], "listing leaves no files"


def test_ls_is_read_by_other_programs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(place, "ls", "format=json", "scale=s1")
    about = json.loads(capsys.readouterr().out)
    assert {record["scale"] for record in about["entries"]} == {"s1"}
    assert about["totals"]["entries"] == 4
    run(place, "ls", "format=csv", "toy/made/*/1")
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["address"] for row in rows] == [
        "toy/made/s1/1/test", "toy/made/s1/1/val", "toy/made/s2/1/test", "toy/made/s2/1/val",
    ]  # fmt: skip
    assert (rows[0]["shape"], rows[0]["costs"], rows[0]["state"]) == ("10 5", "macs", "complete")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lss"], "there is no action 'lss'; did you mean 'ls'?"),
        (["ls", "scale=s9"], "there is no scale 's9' of the store "),
        (["ls", "apply=true"], "wee store ls has no apply; it belongs to wee store rm and gc"),
        (["ls", "format=xml"], "there is no format 'xml'. Known: table, json, csv."),
        (["rm"], "wee store rm needs a selection, such as scale=s1"),
        (["rm", "apply=true"], "wee store rm needs a selection"),
        (["gc", "scale=s1"], "wee store gc looks at the whole store, and selects no entries (scale=s1)"),
        (["gc", "partial_days=-1"], "partial_days is -1.0: it must be a number from 0 on"),
        (["export"], "wee store export needs a file"),
        (["import", "none.weestore"], "there is no file none.weestore"),
        (["ls", "paths.store=nowhere"], "there is no store in nowhere yet"),
        (["ls", "scal=s1"], "there is no key 'scal'; did you mean 'scale'?"),
    ],
)
def test_bad_input_is_one_clear_message(place: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(WeeError) as error:
        run(place, *arguments)
    assert message in str(error.value)


def test_messages_of_bad_input_have_no_traceback(place: Path, wee: Wee) -> None:
    for arguments in (["ls", "scal=s1"], ["ls", "toy/made/s1/0/val/more"], ["rm", "scale=[s1"]):
        done = wee("store", *arguments, cwd=place, code=1)
        assert "Traceback" not in done.stderr
        assert "wee store: " in done.stderr


def test_verify_names_damage_and_repair_and_fails(place: Path, wee: Wee) -> None:
    flip(entry_folder(store_of(place), "toy/made/s1/0/val") / "logits.npy")
    member = place / "outputs" / "checkpoints" / "toy" / "made" / "s2" / "0-0123456789abcdef"
    member.mkdir(parents=True)
    (member / "member.json").write_text(json.dumps({"fingerprint": "x"}))
    told = wee("store", "verify", cwd=place, code=1).stderr
    assert "wee store: 2 things are damaged" in told
    assert "toy/made/s1/0/val: in logits.npy, bytes 0 to" in told
    assert "    repair: wee evaluate\n" in told
    assert "weights.safetensors is missing" in told
    assert "wee train dataset=toy family=made scale=s2 member=0" in told
    assert "nothing is damaged" in wee("store", "verify", "scale=s2", "split=val", cwd=place).stderr
    told = wee("store", "verify", f"paths.store={place / 'outputs/store'}", cwd=place.parent, code=1).stderr
    assert f"    repair: wee evaluate paths.store={place / 'outputs/store'}\n" in told


def test_the_advice_on_a_damaged_checkpoint_works(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    from torch import nn

    from wee.members import checkpoints

    caplog.set_level(logging.INFO)
    folder = place / "outputs" / "checkpoints" / "toy" / "made" / "s1" / "0-0123456789abcdef"
    checkpoints.save(folder, nn.Linear(3, 2), {"name": "it"})
    run(place, "verify")
    assert "verified 8 entries, 1 member: " in caplog.text
    flip(folder / checkpoints.WEIGHTS)
    with pytest.raises(WeeError, match=r"1 thing is damaged\n  checkpoint toy/made/s1/0-.*\n    repair: mv ") as error:
        run(place, "verify", "scale=s1", "member=0")
    _, source, aside = str(error.value).split("repair: ")[1].partition(" && ")[0].split()
    Path(source).rename(aside)
    run(place, "verify")


def test_rm_shows_first_and_removes_when_told(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sweep = place / "outputs" / "sweeps" / "demo" / "0011"
    sweep.mkdir(parents=True)
    entry = store_of(place).entries_of("toy", "made", "s1")[0]
    (sweep / "sweep.json").write_text(json.dumps({"entries": [["x", entry.key, 1]]}))
    run(place, "rm", "toy/made/s1/0")
    assert "toy/made/s1/0/val" in caplog.text
    assert f"the sweep {sweep} was made from 1 of these entries" in caplog.text
    assert "2 entries" in caplog.text
    assert "Nothing is removed yet: add apply=true" in caplog.text
    assert len(store_of(place).entries_of("toy", "made", "s1")) == 4
    run(place, "rm", "toy/made/s1/0", "apply=true")
    assert "removed 2 entries" in caplog.text
    assert {entry.address.member for entry in store_of(place).entries_of("toy", "made", "s1")} == {1}


def test_rm_keeps_what_is_being_written(place: Path) -> None:
    from wee.files import Lock

    folder = entry_folder(store_of(place), "toy/made/s1/0/val")
    with (
        Lock(folder.with_name(f"{folder.name}.lock")).waiting(),
        pytest.raises(WeeError, match=r"1 entry kept, because a process is using them:\n.*process \d+ on"),
    ):
        run(place, "rm", "scale=s1", "member=0", "apply=true")
    assert folder.is_dir()


def test_what_a_killed_rm_has_not_removed_is_listed_by_gc(
    place: Path, wee: Wee, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    killed = (
        "import os, signal, sys, wee.files\n"
        "remove = wee.files.remove\n"
        "wee.files.remove = lambda path: os.kill(os.getpid(), signal.SIGKILL) if path.is_dir() else remove(path)\n"
        "sys.argv[0] = 'wee'\nfrom wee.cli import main\nmain()\n"
    )
    folder = entry_folder(store_of(place), "toy/made/s1/0/val")
    before = sorted(folder.parent.iterdir())
    wee("store", "rm", "toy/made/s1/0/val", "apply=true", cwd=place, code=-signal.SIGKILL, script=killed)
    assert not folder.exists()
    (left,) = (path for path in set(folder.parent.iterdir()) - set(before) if path.name.endswith(".tmp"))
    assert len(list((left / "removed").iterdir())) == 5
    run(place, "gc")
    assert f"toy/made/s1/0/{left.name} (" in caplog.text
    assert "2 leftovers" in caplog.text  # and the lock
    run(place, "gc", "apply=true")
    before.remove(folder)
    assert sorted(folder.parent.iterdir()) == before
    assert "there is nothing to remove" not in caplog.text
    run(place, "gc")
    assert "there is nothing to remove" in caplog.text


def test_gc_shows_first_and_removes_when_told(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(place, "gc")
    assert "there is nothing to remove" in caplog.text
    lock = place / "outputs" / "store" / "toy" / "made" / "s1" / "0" / f"val-{KEY}.lock"
    lock.write_text(DEAD)
    run(place, "gc")
    assert f"toy/made/s1/0/{lock.name} (" in caplog.text
    assert lock.exists()
    run(place, "gc", "apply=true")
    assert "removed 1 leftover" in caplog.text
    assert not lock.exists()


def test_entries_travel_in_a_file(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file, there = str(place / "some.weestore"), place / "there"
    there.mkdir()
    run(place, "export", file, "scale=s1")
    assert f"{file}: 4 entries" in caplog.text
    assert "wee store import some.weestore" in caplog.text
    with pytest.raises(WeeError, match="exists, and is not overwritten"):
        run(place, "export", file)
    run(there, "import", file, "split=val")
    assert "2 entries imported, 0 were there already" in caplog.text
    run(there, "import", file)
    assert "2 entries imported, 2 were there already" in caplog.text
    with pytest.raises(WeeError, match=r"there is no scale 's2' of the file .*some\.weestore\. Known: s1\.$"):
        run(there, "import", file, "scale=s2")
    copied = [path for path in (there / "outputs" / "store").rglob("*.*") if path.is_file()]
    assert len(copied) == 4 * 5
    for path in copied:
        assert path.read_bytes() == (place / path.relative_to(there)).read_bytes()


def test_a_read_only_store_is_listed_verified_and_exported(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, for whom no folder is read-only: so nothing may be opened for writing in the store."""
    root = place / "outputs" / "store"
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    for arguments in (["ls"], ["verify"], ["export", str(place / "x.weestore")], ["rm", "scale=s1"]):
        run(place, *arguments)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_help_lists_actions_and_explains_each(place: Path, wee: Wee) -> None:
    told = wee("store", "--help", cwd=place).stdout
    assert all(f"  {action} " in told for action in ACTIONS)
    assert "partial_days" in wee("store", "gc", "--help", cwd=place).stdout
    for action in ACTIONS:
        assert f"wee store {action}" in store_help([f"action={action}"])
    assert "partial_days" not in store_help(["action=ls"])
    with pytest.raises(WeeError, match="there is no action 'lss'"):
        store_help(["action=lss"])


def test_every_key_is_explained() -> None:
    from wee.app.docstrings import attributes_help
    from wee.store.query import QUERIED, Query

    fields = {name for name in StoreConfig.__dataclass_fields__ if name != "paths"}
    assert fields == set(attributes_help(StoreConfig))
    assert set(QUERIED) == set(attributes_help(Query))
    assert all({**attributes_help(StoreConfig), **attributes_help(Query)}.values())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["ls", "key=1e10"], {"key": ["1e10"]}),
        (["ls", "scale=100_160"], {"scale": ["100_160"]}),
        (["ls", "scale=1.0-160,s[12]"], None),
        (["ls", "scale=[s1,s2]", "member=0"], {"scale": ["s1", "s2"], "member": ["0"]}),
        (["ls", "split=val,ood-*"], {"split": ["val", "ood-*"]}),
        (["ls", "toy/made"], {"dataset": ["toy"], "family": ["made"]}),
        (["rm", "select.scale=s1"], {"scale": ["s1"]}),
    ],
)
def test_selections_stay_the_text_that_was_written(given: list[str], expected: dict[str, Any] | None) -> None:
    if expected is None:  # Hydra cannot read it: it says so
        assert "select.scale=1.0-160,s[12]" in as_overrides("store", given)
        return
    cfg = composed("store", *as_overrides("store", given))
    assert isinstance(cfg, StoreConfig)
    assert cfg.select.given == expected


def test_share_shows_what_it_saves_and_shares_when_asked(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(place, "share")
    assert "24 arrays of 8 entries would become 6, which saves" in caplog.text
    assert "add apply=true" in caplog.text
    run(place, "share", "apply=true")
    assert "shared 24 arrays as 6" in caplog.text
    run(place, "verify")
    assert "nothing is damaged" in caplog.text
    run(place, "share")
    assert "shared already" in caplog.text
