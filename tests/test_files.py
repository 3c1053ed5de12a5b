"""Locks and atomic writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wee import files
from wee.files import Lock, write_atomically


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == f"process {os.getpid()} on {os.uname().nodename}"
    first.release()
    assert second.acquire()
    first.release()  # not its own any more
    assert (tmp_path / "lock").exists()
    second.release()
    assert not (tmp_path / "lock").exists()


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    path = repr(str(tmp_path / "lock"))
    script = f"import os, pathlib, wee.files; wee.files.Lock(pathlib.Path({path})).acquire(); os._exit(1)"
    subprocess.run([sys.executable, "-c", script], check=False)
    assert (tmp_path / "lock").exists()
    assert Lock(tmp_path / "lock").acquire()


def test_a_lock_from_another_machine_is_dead_when_it_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    path.write_text("elsewhere:123:token")
    lock = Lock(path)
    assert not lock.acquire()
    monkeypatch.setattr(files, "PATIENCE", -1.0)
    os.utime(path, (1, 1))  # a sign of life since we last looked
    monkeypatch.setattr(files, "PATIENCE", 1000.0)
    assert not lock.acquire()
    monkeypatch.setattr(files, "PATIENCE", -1.0)
    assert lock.acquire()
    lock.release()


def test_a_live_lock_is_not_broken_with_a_dead_ones_token(tmp_path: Path) -> None:
    """Between seeing a dead holder and breaking its lock, another process may have taken it over."""
    path = tmp_path / "lock"
    path.write_text(f"{os.uname().nodename}:999999999:dead")
    late = Lock(path)
    dead = late._dead()
    assert dead is not None
    live = Lock(path)
    assert live.acquire()
    late._break(dead)
    assert path.read_text() == live._token
    assert not late.acquire()
    live.release()


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "deep" / "file", "text")
    assert (tmp_path / "deep" / "file").read_text() == "text"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
