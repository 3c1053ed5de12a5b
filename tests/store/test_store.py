"""The store's promises: identity, resumption, atomic commits, checksums, and no word unkept after a kill."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.stores import fill_store
from wee.data.splits import VAL
from wee.errors import WeeError
from wee.files import CHUNK
from wee.store import Address, Entry, EntryWriter, LogitStore
from wee.store.entry import Damaged
from wee.store.store import Busy
from wee.store.writer import partial_folder

ADDRESS = Address("digits", "tiny", "s1", 0, VAL)
N, CLASSES = 50, 4
LABELS = np.arange(N) % CLASSES
IDS = np.array([f"sample-{i}" for i in range(N)], dtype=np.bytes_)
GROUPS = np.array([f"image-{i // 5}" for i in range(N)], dtype=np.bytes_)
LOGITS = np.random.default_rng(0).normal(size=(N, CLASSES)).astype(np.float32)


def open_writer(root: Path, weights: str = "aa", piece_samples: int | None = None) -> EntryWriter:
    return LogitStore(root).writer(ADDRESS, {"weights": weights}, LABELS, IDS, GROUPS, piece_samples)


def provenance(**more: Any) -> dict[str, Any]:
    return {"command": "wee evaluate scale=s1 member=0", "created": "2026-01-01", **more}


def write(root: Path, weights: str = "aa", **more: Any) -> Entry:
    with open_writer(root, weights) as writer:
        index = np.random.default_rng(1).permutation(N)
        for part in np.array_split(index, 4):
            writer.add(part, LOGITS[part], LABELS[part])
        return writer.commit({"macs": 5.0}, provenance(**more))


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    entry = write(tmp_path)
    assert (entry.logits == LOGITS).all()
    assert isinstance(entry.logits, np.memmap)
    assert (entry.labels == LABELS).all()
    assert (entry.ids == IDS).all()
    assert (entry.groups == GROUPS).all()
    assert [(cost.name, cost.values) for cost in entry.costs] == [("macs", [5.0])]
    assert entry.address == ADDRESS
    entry.verify()
    assert LogitStore(tmp_path).get(ADDRESS, {"weights": "aa"}) is not None
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".lock", ".tmp", ".partial", ".pkl")]


def test_nothing_in_the_store_is_a_pickle(tmp_path: Path) -> None:
    entry = write(tmp_path)
    for path in entry.folder.glob("*.npy"):
        np.load(path, allow_pickle=False)
    assert {path.name for path in entry.folder.iterdir()} == {
        "logits.npy", "labels.npy", "ids.npy", "groups.npy", "manifest.json",
    }  # fmt: skip


def test_other_weights_are_another_entry(tmp_path: Path) -> None:
    first, second = write(tmp_path, "aa"), write(tmp_path, "bb")
    assert first.folder != second.folder
    assert LogitStore(tmp_path).get(ADDRESS, {"weights": "cc"}) is None
    assert {entry.key for entry in LogitStore(tmp_path).find(ADDRESS)} == {first.key, second.key}


def test_of_two_that_fit_one_must_be_picked(tmp_path: Path) -> None:
    first = write(tmp_path, "aa11", created="2026-01-02", recipe="r1")
    second = write(tmp_path, "bb22", created="2026-01-01", recipe="r2")
    store = LogitStore(tmp_path)
    with pytest.raises(WeeError) as error:
        store.pick(ADDRESS)
    for part in (first.key, second.key, "aa11", "bb22", "pick=r1", "pick=newest"):
        assert part in str(error.value)
    for pick in (first.key[:6], "aa1", "r1", "newest"):
        chosen = store.pick(ADDRESS, [pick])
        assert chosen is not None
        assert chosen.key == first.key, pick
    with pytest.raises(WeeError, match="2 entries fit"):
        store.pick(ADDRESS, ["nothing like it"])


def test_the_newest_is_the_newest_in_every_time_zone(tmp_path: Path) -> None:
    newest = write(tmp_path, "aa11", created="2026-01-01T23:00:00-0800", recipe="r1")
    write(tmp_path, "bb22", created="2026-01-02T09:00:00+0900", recipe="r2")
    write(tmp_path, "cc33", created="unknown", recipe="r3")
    assert LogitStore(tmp_path).pick(ADDRESS, ["newest"]) == newest


def test_an_interrupted_entry_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with open_writer(tmp_path, piece_samples=10) as writer:
        writer.add(np.arange(20), LOGITS[:20], LABELS[:20])
    (partial_folder(writer.folder) / "pieces" / "half.tmp").write_bytes(b"half a piece")
    (piece,) = (partial_folder(writer.folder) / "pieces").glob("*.npz")
    with open_writer(tmp_path, piece_samples=10) as again:
        assert again.found == 20
        assert again.missing.tolist() == list(range(20, 50))
        assert "found 20 of 50 samples from an interrupted run; going on with the other 30" in caplog.text
        assert "half-written" in caplog.text
        with pytest.raises(WeeError, match="30 of 50 samples have no logits yet"):
            again.commit({"macs": 1.0}, provenance())
        again.add(np.arange(10, 50), LOGITS[10:], LABELS[10:])  # ten of them a second time
        entry = again.commit({"macs": 1.0}, provenance())
    assert (entry.logits == LOGITS).all()
    assert not piece.exists()


def test_a_damaged_piece_is_computed_again(tmp_path: Path) -> None:
    with open_writer(tmp_path, piece_samples=25) as writer:
        for start in (0, 25):
            writer.add(np.arange(start, start + 25), LOGITS[start : start + 25], LABELS[start : start + 25])
    piece = min((partial_folder(writer.folder) / "pieces").glob("*.npz"))
    damaged = bytearray(piece.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    piece.write_bytes(damaged)
    with open_writer(tmp_path) as again:
        assert again.found == 25
        again.add(again.missing, LOGITS[again.missing], LABELS[again.missing])
        assert (again.commit({"macs": 1.0}, provenance()).logits == LOGITS).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    entry = write(tmp_path_factory.mktemp("flip"))
    path = entry.folder / data.draw(st.sampled_from(sorted(p.name for p in entry.folder.iterdir())))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        found = Entry.open(entry.folder)
        found.verify()
    except Damaged as error:
        assert str(entry.folder) in str(error)
        if path.name != "manifest.json":
            assert "wee evaluate scale=s1 member=0" in str(error)
    else:  # white space in the manifest means nothing
        assert path.name == "manifest.json"
        assert found.manifest == entry.manifest


def test_arrays_with_any_damaged_header_are_reported(tmp_path: Path) -> None:
    """Errors of many types come from numpy for them, such as TokenError where a parenthesis is missing."""
    entry = write(tmp_path)
    path = entry.folder / "logits.npy"
    whole = path.read_bytes()
    reported = 0
    for place in range(128):
        content = bytearray(whole)
        content[place] ^= 1
        path.write_bytes(content)
        try:
            _ = Entry.open(entry.folder).logits
        except Damaged as error:
            assert "logits.npy" in str(error)
            reported += 1
    assert reported > 40  # the rest are white space, or numbers that numpy believes and checksums do not
    path.write_bytes(whole.replace(b"), }", b"(, }"))
    with pytest.raises(Damaged, match=r"logits\.npy"):
        _ = Entry.open(entry.folder).logits


def test_missing_and_truncated_files_are_found(tmp_path: Path) -> None:
    entry = write(tmp_path)
    path = entry.folder / "labels.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(Damaged, match=r"labels\.npy has .* bytes, .* were written"):
        entry.verify()
    path.unlink()
    with pytest.raises(Damaged, match=r"labels\.npy is missing"):
        entry.verify()


def test_checksums_name_the_place(tmp_path: Path) -> None:
    count = CHUNK // 8 + 100
    ids = np.arange(count).astype("S")
    labels = np.zeros(count, dtype=np.int64)
    with LogitStore(tmp_path).writer(ADDRESS, {}, labels, ids, ids) as writer:
        writer.add(np.arange(count), np.zeros((count, 2), dtype=np.float32), labels)
        entry = writer.commit({"macs": 1.0}, provenance())
    with (entry.folder / "logits.npy").open("r+b") as file:
        file.seek(CHUNK + 3)
        file.write(b"x")
    with pytest.raises(Damaged, match=f"bytes {CHUNK:,} to"):
        entry.verify()


def test_a_damaged_entry_is_set_aside_and_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entry = write(tmp_path)
    (entry.folder / "logits.npy").write_bytes(b"nothing")
    assert LogitStore(tmp_path).get(ADDRESS, {"weights": "aa"}) is None
    assert "set aside" in caplog.text
    write(tmp_path).verify()
    assert len(list(entry.folder.parent.glob("*.damaged-*"))) == 1
    assert len(LogitStore(tmp_path).find(ADDRESS)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.full((1, CLASSES), np.nan, dtype=np.float32)}, "sample sample-3 are not finite"),
        ({"labels": np.array([2])}, "sample sample-3 came with another label"),
        ({"index": np.array([N])}, "a batch has places 50 to 50 of 50 samples"),
        ({"logits": LOGITS[:2]}, "1 places, 2 logits, 1 labels"),
    ],
)
def test_wrong_batches_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    batch: dict[str, Any] = {"index": np.array([3]), "logits": LOGITS[3:4], "labels": LABELS[3:4], **change}
    with open_writer(tmp_path) as writer, pytest.raises(WeeError, match=message):
        writer.add(**batch)


def test_two_holders_do_not_spoil_each_others_entry(tmp_path: Path) -> None:
    """Should a lock ever be taken for dead while its holder lives."""
    first = open_writer(tmp_path, piece_samples=10)
    first.add(np.arange(20), LOGITS[:20], LABELS[:20])
    first._lock.path.unlink()
    write(tmp_path)
    first.add(np.arange(20, 50), LOGITS[20:], LABELS[20:])
    entry = first.commit({"macs": 1.0}, provenance())
    assert (entry.logits == LOGITS).all()
    entry.verify()


def test_a_piece_that_goes_missing_is_not_taken_for_zeros(tmp_path: Path) -> None:
    with open_writer(tmp_path, piece_samples=10) as writer:
        for start in range(0, 50, 10):
            part = np.arange(start, start + 10)
            writer.add(part, LOGITS[part], LABELS[part])
        min((partial_folder(writer.folder) / "pieces").glob("*.npz")).unlink()
        with pytest.raises(WeeError, match="pieces have gone missing"):
            writer.commit({"macs": 1.0}, provenance())
    assert LogitStore(tmp_path).find(ADDRESS) == []


def test_a_slow_piece_is_written_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wee.store.writer.PIECE_SECONDS", -1.0)
    with open_writer(tmp_path) as writer:
        writer.add(np.arange(5), LOGITS[:5], LABELS[:5])
        assert len(list((partial_folder(writer.folder) / "pieces").glob("*.npz"))) == 1


def test_logits_of_exits_are_kept_exit_by_exit(tmp_path: Path) -> None:
    exits = np.stack([LOGITS, LOGITS + 1, LOGITS + 2])
    with open_writer(tmp_path, piece_samples=7) as writer:
        for part in np.array_split(np.random.default_rng(2).permutation(N), 5):
            writer.add(part, np.moveaxis(exits, 0, 1)[part], LABELS[part])
        entry = writer.commit({"macs": [1.0, 2.0, 3.0]}, provenance())
    assert (entry.logits == exits).all()
    assert [(cost.name, cost.values) for cost in entry.costs] == [("macs", [1.0, 2.0, 3.0])]


def test_ids_must_be_unique(tmp_path: Path) -> None:
    with pytest.raises(WeeError, match="an id of its own"):
        LogitStore(tmp_path).writer(ADDRESS, {}, LABELS, np.full(N, b"same"), GROUPS)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b"])
def test_names_that_are_no_folders_are_refused(name: str) -> None:
    with pytest.raises(WeeError, match="cannot be the name of a dataset"):
        Address(name, "tiny", "s1", 0, VAL)


def test_one_entry_has_one_writer(tmp_path: Path) -> None:
    with open_writer(tmp_path):
        with pytest.raises(Busy, match=f"process {os.getpid()}"):
            open_writer(tmp_path)
        with open_writer(tmp_path, weights="another"):
            pass
    open_writer(tmp_path).close()


def test_a_writer_that_comes_late_does_not_write_again(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(Busy, match="just finished"):
        open_writer(tmp_path)


KILLED = """
import os, signal, sys, numpy as np
sys.path.insert(0, {tests!r})
import test_store as t
import wee.store.writer as w
pieces, save = [], np.savez
def savez(file, **arrays):
    if len(pieces) == {after}:
        file.write(b"PK half of a piece"); file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    pieces.append(1)
    save(file, **arrays)
w.np.savez = savez
with t.open_writer(t.Path({root!r}), piece_samples=8) as writer:
    for start in range(0, t.N, 8):
        part = np.arange(start, min(start + 8, t.N))
        writer.add(part, t.LOGITS[part], t.LABELS[part])
    writer.commit({{"macs": 1.0}}, t.provenance())
"""


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_kill_in_the_middle_of_a_write_loses_that_piece_alone(tmp_path: Path, after: int) -> None:
    script = KILLED.format(tests=str(Path(__file__).parent), root=str(tmp_path), after=after)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert LogitStore(tmp_path).find(ADDRESS) == []
    with open_writer(tmp_path) as writer:  # its holder is dead: the lock is taken over at once
        assert len(writer.missing) == N - 8 * after
        writer.add(writer.missing, LOGITS[writer.missing], LABELS[writer.missing])
        entry = writer.commit({"macs": 1.0}, provenance())
    assert (entry.logits == LOGITS).all()


def _compete(root: Path, results: Any) -> None:
    try:
        write(root)
        results.put("wrote")
    except Busy:
        results.put("busy")


def test_two_processes_write_one_entry_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_compete, args=(tmp_path, results)) for _ in range(4)]
    for process in processes:
        process.start()
    told = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert told.count("wrote") == 1
    (entry,) = LogitStore(tmp_path).find(ADDRESS)
    entry.verify()


def test_a_newer_format_is_not_guessed_at(tmp_path: Path) -> None:
    from wee.store.entry import manifest_checksum

    entry = write(tmp_path)
    manifest = {**entry.manifest, "format": 99}
    (entry.folder / "manifest.json").write_text(json.dumps({**manifest, "crc32": manifest_checksum(manifest)}))
    with pytest.raises(WeeError, match="format 99; this wee reads up to 2"):
        Entry.open(entry.folder)


def test_groups_that_are_the_ids_are_not_kept_twice(tmp_path: Path) -> None:
    ids = np.array([b"a", b"b"])
    store = LogitStore(tmp_path)
    for member, groups in enumerate((ids, np.array([b"g", b"g"]))):
        with store.writer(Address("d", "f", "s", member, VAL), {}, np.zeros(2, np.int64), ids, groups) as writer:
            writer.add(np.arange(2), np.zeros((2, 3), np.float32), np.zeros(2, np.int64))
            entry = writer.commit({"macs": 1.0}, {"command": "wee evaluate"})
        assert entry.groups.tolist() == groups.tolist()
        assert (entry.folder / "groups.npy").exists() == bool(member)
        entry.verify()


SMALL_DISK = """
import subprocess, sys
sys.path.insert(0, {tests!r})
import test_store as t
import numpy as np

root, n = t.Path({root!r}), 4096
labels, ids = np.zeros(n, np.int64), np.arange(n).astype("S")
logits = np.arange(n * 32, dtype=np.float32).reshape(n, 32)

def attempt():
    try:
        with t.LogitStore(root).writer(t.ADDRESS, {{}}, labels, ids, ids, piece_samples=512) as writer:
            print(writer.found)
            for start in range(writer.found, n, 512):
                part = writer.missing[:512]
                writer.add(part, logits[part], labels[part])
            print((writer.commit({{"macs": 1.0}}, t.provenance()).logits == logits).all())
    except t.WeeError as error:
        print(error)
    print(sorted({{path.suffix for path in root.rglob("*.*") if path.is_file()}}))

(root / "filler").write_bytes(bytes(700_000))
attempt()
(root / "filler").unlink()
attempt()
subprocess.run(["mount", "-o", "remount,size=4m", str(root)], check=True)
attempt()
"""


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    """A disk of 1 MB is too small for the pieces beside another file, then for the joined entry, then grows."""
    isolated = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    mount = f"mount -t tmpfs -o size=1000k tmpfs {tmp_path}"
    try:
        subprocess.run([*isolated, "sh", "-c", mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    script = SMALL_DISK.format(tests=str(Path(__file__).parent), root=str(tmp_path))
    command = [*isolated, "sh", "-c", f'{mount} && exec "$0" -c "$1"', sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # -SIGBUS where the mapped file has no space on the disk yet
    assert "Exception ignored" not in done.stderr
    first, no_piece, left, second, no_entry, still_left, third, same, entry = done.stdout.splitlines()
    words = r"not enough space in {}/digits/.*{} \(No space left on device\): ([\d,]+) bytes are needed and ([\d,]+) are free"
    for place, told in ((r"\.partial/pieces", no_piece), (r"\.partial", no_entry)):
        match = re.search(words.format(tmp_path, place), told)
        assert match is not None, told
        needed, free = (int(number.replace(",", "")) for number in match.groups())
        assert free < needed
        assert "pieces written so far are kept" in told
    assert left == still_left == "['.npz']"
    assert int(first) == 0 < int(second) < int(third) == 4096
    assert (same, entry) == ("True", "['.json', '.npy']")


def test_an_entry_beyond_a_limit_of_file_sizes_is_reported(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_writer(tmp_path, piece_samples=5) as writer:
        for part in np.array_split(np.arange(N), 10):
            writer.add(part, LOGITS[part], LABELS[part])
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (LOGITS.nbytes, limits[1]))  # no room for the header
            with pytest.raises(WeeError, match=r"not enough space in .* \(File too large\)"):
                writer.commit({"macs": 1.0}, provenance())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert {path.suffix for path in partial_folder(writer.folder).rglob("*.*")} == {".npz"}
        assert (writer.commit({"macs": 1.0}, provenance()).logits == LOGITS).all()


def test_the_entries_of_a_scale_are_those_of_all_its_members(tmp_path: Path) -> None:
    store = fill_store(tmp_path, members=11, scales=("s1", "s2"), count=4)
    (tmp_path / "toy" / "made" / "s1" / "0" / "val-0123456789abcdef.lock").write_text("")
    (tmp_path / "toy" / "made" / "s1" / "notes").mkdir()
    entries = store.entries_of("toy", "made", "s1")
    assert [(entry.address.member, str(entry.address.split)) for entry in entries] == [
        (member, split) for member in range(11) for split in ("test", "val")
    ]
    assert store.entries_of("toy", "made", "s3") == []
