"""Locks and atomic writes."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wee import files
from wee.files import NO_SPACE, Lock, needing_space, reserve, save_array, write_atomically


@contextlib.contextmanager
def small_files(size: int) -> Iterator[None]:
    """Refuse files of more than `size` bytes, as a full disk would."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


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


def test_a_lock_is_taken_as_soon_as_its_holder_is_known_to_be_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    path.write_text("elsewhere:123:token")
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    lock = Lock(path)
    assert lock.acquire_soon(every=0.05)  # silent for longer than that
    monkeypatch.setattr(files, "PATIENCE", 1000.0)
    assert not Lock(path).acquire_soon()  # alive on this machine: refused at once
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


def refuse(*arguments: int) -> None:
    raise OSError(errno.EOPNOTSUPP, "not supported")


@pytest.mark.parametrize("how", ["reserved", "refused", "not offered"])
def test_space_is_reserved_or_filled_with_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(files, "CHUNK", 1000)
    if how == "refused":
        monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    elif how == "not offered":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with (tmp_path / "file").open("wb") as file:
        file.write(b"head")
        reserve(file, 100_500)
    assert (tmp_path / "file").read_bytes() == b"head" + bytes(100_496)
    assert (tmp_path / "file").stat().st_blocks * 512 >= 100_500  # on the disk, not a hole


@pytest.mark.parametrize("how", ["reserved", "refused"])
def test_what_cannot_be_reserved_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "refused":
        monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    with small_files(1000), pytest.raises(OSError, match="File too large"), (tmp_path / "file").open("wb") as file:
        reserve(file, 100_000)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "before")
    with small_files(1000), pytest.raises(OSError, match="File too large"):
        write_atomically(tmp_path / "file", bytes(2000))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "before"


def test_an_array_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    array = np.arange(1000)
    with small_files(1000), pytest.raises(OSError, match="File too large") as error:
        save_array(tmp_path / "array.npy", array)
    assert error.value.errno in NO_SPACE
    save_array(tmp_path / "array.npy", array)
    assert (np.load(tmp_path / "array.npy") == array).all()


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), needing_space(tmp_path, 1, "Nothing is lost."):
        raise PermissionError(errno.EACCES, "no")
