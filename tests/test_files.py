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
from wee.files import (
    ABANDONED,
    MACHINE,
    NO_SPACE,
    Lock,
    needing_space,
    reserve,
    save_array,
    temporary_path,
    write_atomically,
)


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


def test_a_process_that_dies_while_it_takes_a_lock_leaves_no_lock(tmp_path: Path) -> None:
    path = repr(str(tmp_path / "lock"))
    dies = "os.link = os.open = lambda *args: os._exit(1)"
    script = f"import os, pathlib, wee.files; {dies}; wee.files.Lock(pathlib.Path({path})).acquire()"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 1
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".tmp")
    lock = Lock(tmp_path / "lock")
    assert lock.acquire()
    assert list(tmp_path.iterdir()) == [tmp_path / "lock"]
    lock.release()


def test_a_lock_is_taken_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert list(tmp_path.iterdir()) == [tmp_path / "lock"]
    first.release()
    assert second.acquire()
    second.release()


def test_a_lock_is_taken_if_the_answer_to_its_creation_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system then repeats the request, and says that the file exists."""
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    lock = Lock(tmp_path / "lock")
    assert lock.acquire()
    assert not Lock(tmp_path / "lock").acquire()
    lock.release()
    assert not (tmp_path / "lock").exists()


def test_a_live_lock_is_restored_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    live = Lock(tmp_path / "lock")
    assert live.acquire()
    Lock(tmp_path / "lock")._break("another token")
    assert (tmp_path / "lock").read_text() == live._token
    assert list(tmp_path.iterdir()) == [tmp_path / "lock"]
    live.release()


def test_what_a_process_that_dies_while_it_breaks_a_lock_leaves_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text(f"{os.uname().nodename}:{DEAD_PROCESS}:dead:{MACHINE}")
    dies = "pathlib.Path.read_text = lambda *args, **kwargs: os._exit(1)"
    script = (
        f"import os, pathlib, wee.files; lock = wee.files.Lock(pathlib.Path({str(path)!r})); {dies}; lock._break('')"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 1
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".tmp")
    lock = Lock(path)
    assert lock.acquire()
    assert list(tmp_path.iterdir()) == [path]
    lock.release()


def test_a_lock_without_a_holder_is_taken_over_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without hard links, a process that is killed at the wrong moment leaves an empty lock."""
    (tmp_path / "lock").touch()
    lock = Lock(tmp_path / "lock")
    assert not lock.acquire()
    assert lock.holder() == "an unknown process"
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    assert lock.acquire_soon(every=0.05)
    lock.release()


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
    path.write_text(f"{os.uname().nodename}:999999999:dead:{MACHINE}")
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


DEAD_PROCESS, OTHER = 999_999_999, "0123abcd"
"""The number of no process, and the name of another machine or container."""


def test_temporary_files_of_dead_processes_go(tmp_path: Path) -> None:
    path = tmp_path / "file"
    dead = tmp_path / f".file.{MACHINE}-{DEAD_PROCESS}-00000000.tmp"
    live = tmp_path / f".file.{MACHINE}-{os.getpid()}-00000000.tmp"
    others = tmp_path / f".file.other.{MACHINE}-{DEAD_PROCESS}-00000000.tmp"
    for left in (dead, live, others):
        left.touch()
    path.write_text("kept")
    temporary_path(path)
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted([live.name, others.name, "file"])


@pytest.mark.parametrize("name", [f".file.{OTHER}-{DEAD_PROCESS}-00000000.tmp", f".file.{OTHER}.tmp"])
@pytest.mark.parametrize("folder", [False, True])
def test_temporary_files_whose_process_is_not_known_go_when_they_are_old(
    tmp_path: Path, name: str, folder: bool
) -> None:
    """Another container, too, may have this host name; its processes are not seen from here."""
    left = tmp_path / name
    inside = left / "inside" if folder else left
    inside.parent.mkdir(exist_ok=True)
    inside.touch()
    temporary_path(tmp_path / "file")
    assert inside.exists()
    now = inside.stat().st_mtime
    if folder:
        os.utime(left, (now - 2 * ABANDONED,) * 2)  # only what is inside is young
        temporary_path(tmp_path / "file")
        assert inside.exists()
    os.utime(inside, (now - 2 * ABANDONED,) * 2)
    temporary_path(tmp_path / "file")
    assert not left.exists()


def test_the_lock_of_another_container_with_this_host_name_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    for token in (f"{os.uname().nodename}:{DEAD_PROCESS}:x:{OTHER}", f"{os.uname().nodename}:{DEAD_PROCESS}:x"):
        path.write_text(token)
        lock = Lock(path)
        assert lock.elsewhere
        assert not lock.is_stale()
        assert not lock.acquire()
    path.write_text(f"{os.uname().nodename}:{DEAD_PROCESS}:x:{MACHINE}")
    assert not lock.elsewhere
    assert lock.is_stale()


def test_the_name_of_a_machine_depends_on_its_boot_and_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {files._machine()}
    assert names == {MACHINE}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "readlink", lambda path: "pid:[1]")
        names.add(files._machine())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", lambda path: "another boot")
        names.add(files._machine())
    assert len(names) == (3 if sys.platform == "linux" else 1)
