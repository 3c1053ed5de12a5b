"""Entries as one file, to be carried to another machine.

The file is an uncompressed tar archive. Its first member is an index in JSON, named after its own checksum, with the names,
sizes and checksums of all files. The members after it are those files, in the order of the index.

Every other byte of the file follows from the index: headers have no times and no owners, and padding is zero. Reading
compares every byte with what it must be, so a changed byte is noticed wherever it is. Names are checked, and made into paths
by this module. Nothing is extracted by a general-purpose program, so that links, devices and paths that lead out of the store
cannot occur.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wee.dates import timestamp
from wee.errors import WeeError
from wee.files import (
    CHUNK,
    Lock,
    checksums_of,
    commit_folder,
    lock_path,
    needing_space,
    staged,
    temporary_path,
    write_atomically,
)
from wee.identity import KEY_LENGTH, key_of
from wee.machine import nearest_folder
from wee.store import costs
from wee.store.entry import MANIFEST, Address, Damaged, Entry
from wee.store.inventory import Item, Place, visible_damage
from wee.store.store import LogitStore

log = logging.getLogger("wee")

FORMAT = 1
"""Version of the format of the file."""

SUFFIX = ".weestore"
"""The usual ending of the name of such a file."""

_INDEX = re.compile(r"wee-store-([0-9a-f]{8})\.json")
_FILE = re.compile(rf"(manifest\.json|[A-Za-z0-9_]+\.npy|{costs.FOLDER}/[A-Za-z0-9_][A-Za-z0-9_.-]*\.json)")
_BLOCK, _RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE


@dataclass(frozen=True)
class PackedFile:
    """A file of an entry.

    Attributes:
        name: its path below the folder of the entry.
        size: its size in bytes.
        crc32: the checksums of its chunks of `CHUNK` bytes.
    """

    name: str
    size: int
    crc32: list[int]


@dataclass(frozen=True)
class PackedEntry:
    """An entry in the file.

    Attributes:
        address: its address.
        key: its key.
        files: its files, in the order in which they follow the index.
    """

    address: Address
    key: str
    files: list[PackedFile]

    @property
    def path(self) -> str:
        """Its folder below the root of a store."""
        return f"{self.address.folder.as_posix()}/{self.address.split}-{self.key}"

    @property
    def place(self) -> Place:
        """Where it is in a store."""
        address = self.address
        return Place(
            address.dataset, address.family, address.scale, str(address.member), str(address.split), self.key
        )  # fmt: skip

    @property
    def size(self) -> int:
        """The size of its files in bytes."""
        return sum(file.size for file in self.files)

    def describe(self) -> dict[str, Any]:
        """Return the entry as written in an index."""
        files = [{"name": file.name, "bytes": file.size, "crc32": file.crc32} for file in self.files]
        return {"address": self.address.describe(), "key": self.key, "files": files}


def export_entries(items: Sequence[Item], target: Path, done: Callable[[int], None]) -> int:
    """Write entries, and the costs beside them, to one file. The file appears when it is complete.

    Args:
        items: the entries.
        target: the file to write; it must not exist.
        done: called with the number of bytes that have been written.

    Returns:
        The size of the file in bytes.

    Raises:
        WeeError: the file exists, an entry is damaged, or there is not enough space. No file is left.
    """
    check_target(target)
    packed = [(item, *_pack(item)) for item in items]
    name, index = _index([entry for _, entry, _ in packed])
    size = _total_size(name, len(index), [entry for _, entry, _ in packed])
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(target)
    _check_space(target.parent, size)
    try:
        with (
            needing_space(target.parent, size, "Nothing was written."),
            _ending(temporary),
            temporary.open("wb") as file,
        ):
            file.write(_padded(_header(name, len(index)) + index))
            for item, entry, small in packed:
                for part in entry.files:
                    file.write(_header(f"{entry.path}/{part.name}", part.size))
                    content = small.get(part.name)
                    if content is None:
                        _copy_checked(_path_of(item, part.name), part, file, done)
                    else:
                        file.write(content)
                        done(len(content))
                    file.write(bytes(-part.size % _BLOCK))
            file.write(bytes(size - file.tell()))
            file.flush()
            os.fsync(file.fileno())
            _appear(temporary, target)
    except FileNotFoundError as error:
        raise WeeError(f"{error.filename} vanished while it was copied; nothing was written to {target}") from None
    return size


def _path_of(item: Item, name: str) -> Path:
    return item.entry.path_of(name) if item.entry is not None else item.folder / name


def check_target(target: Path) -> None:
    """Check that a file to be written does not exist.

    Raises:
        WeeError: it exists.
    """
    if target.exists():
        raise WeeError(f"{target} exists, and is not overwritten: give another file=FILE, or remove it")


def _pack(item: Item) -> tuple[PackedEntry, dict[str, bytes]]:
    """Return the description of an entry, and the content of its small files, which have no checksums in the manifest.

    Raises:
        Damaged: the entry is damaged.
    """
    if item.entry is None or item.damage:
        raise Damaged(
            f"{item.place.path} is damaged ({item.damage}); nothing was written. Look closer: wee store verify"
        )
    entry = item.entry
    small = {MANIFEST: (entry.folder / MANIFEST).read_bytes()}
    for cost in costs.read_costs(entry.folder):
        name = f"{costs.FOLDER}/{cost.file}"
        small[name] = (entry.folder / name).read_bytes()
    if Entry.open(entry.folder).manifest != entry.manifest:
        raise WeeError(f"{item.place.path} was made again meanwhile: run the command again")
    files = [PackedFile(name, len(content), checksums_of(content)) for name, content in small.items()]
    arrays = [
        PackedFile(str(name), int(about["bytes"]), list(about["crc32"]))
        for name, about in entry.manifest["files"].items()
    ]
    return PackedEntry(entry.address, entry.key, [*files, *arrays]), small


def _index(entries: Sequence[PackedEntry]) -> tuple[str, bytes]:
    """Return the name and the content of the index."""
    about = {
        "format": FORMAT,
        "created": timestamp(),
        "entries": [entry.describe() for entry in entries],
    }
    content = (json.dumps(about, separators=(",", ":")) + "\n").encode()
    return f"wee-store-{zlib.crc32(content):08x}.json", content


def _header(name: str, size: int) -> bytes:
    """Return the only header that a file with this name and size may have."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o644, 0
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _BLOCK)


def _total_size(index_name: str, index_size: int, entries: Sequence[PackedEntry]) -> int:
    """Return the size of the file in bytes: that of all members, and the end of the archive, in whole records."""
    size = len(_header(index_name, index_size)) + index_size + -index_size % _BLOCK
    for entry in entries:
        for file in entry.files:
            size += len(_header(f"{entry.path}/{file.name}", file.size)) + file.size + -file.size % _BLOCK
    size += 2 * _BLOCK
    return size + -size % _RECORD


def _copy_checked(source: Path, part: PackedFile, target: IO[bytes], done: Callable[[int], None]) -> None:
    """Copy a file, and compare it with its checksums.

    Raises:
        Damaged: it is not what was written.
    """
    size = 0
    with source.open("rb") as file:
        for crc32 in part.crc32:
            block = file.read(CHUNK)
            if zlib.crc32(block) != crc32:
                raise Damaged(
                    f"{source} is damaged; nothing was written. The command that repairs it: wee store verify"
                )
            size += len(block)
            target.write(block)
            done(len(block))
        if file.read(1) or size != part.size:
            raise Damaged(f"{source} is damaged; nothing was written. The command that repairs it: wee store verify")


@contextlib.contextmanager
def _ending(temporary: Path) -> Iterator[None]:
    """Return a context at whose end a temporary file is gone."""
    try:
        yield
    finally:
        temporary.unlink(missing_ok=True)


def _appear(temporary: Path, target: Path) -> None:
    """Give a finished file its name, without overwriting another.

    Raises:
        WeeError: another process has made the file meanwhile.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        check_target(target)
    except OSError:  # the file system has no hard links
        check_target(target)
        temporary.rename(target)


def _check_space(folder: Path, size: int) -> None:
    """Check that there is enough space, before anything is written.

    Raises:
        WeeError: there is not.
    """
    free = shutil.disk_usage(nearest_folder(folder)).free
    if free < size:
        raise WeeError(
            f"there is not enough space in {folder}: {size:,} bytes are needed and {free:,} are free. Nothing was written."
        )


class Archive:
    """A file of entries, open for reading.

    Args:
        path: the file.

    Attributes:
        entries: the entries in the file.

    Raises:
        WeeError: it is not such a file, is damaged, or was written by a newer version of wee.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            raise WeeError(f"{path} is a folder: give a file that `wee store export` wrote")
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            raise WeeError(f"there is no file {path}") from None
        self._size = path.stat().st_size
        try:
            self.entries = self._read_index()
            self._first = self._file.tell()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def _read_index(self) -> list[PackedEntry]:
        strange = WeeError(
            f"{self.path} is no file of entries, or its beginning is damaged: `wee store export` writes one"
        )
        try:
            info = tarfile.TarInfo.frombuf(self._file.read(_BLOCK), "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError):
            raise strange from None
        match = _INDEX.fullmatch(info.name)
        if match is None or info.size > self._size:
            raise strange
        self._file.seek(0)
        self._expect(_header(info.name, info.size), "the beginning")
        content = self._file.read(info.size)
        if zlib.crc32(content) != int(match[1], 16):
            raise self._damaged("its index is not what was written")
        self._expect(bytes(-info.size % _BLOCK), "the end of the index")
        try:
            about = json.loads(content)
            if about["format"] > FORMAT:
                raise WeeError(f"{self.path} has format {about['format']}; this wee reads up to {FORMAT}: update it")
            entries = [_unpack(entry) for entry in about["entries"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if isinstance(error, WeeError):
                raise WeeError(f"{self.path}: {error}") from None
            raise self._damaged(f"its index cannot be read ({type(error).__name__}: {error})") from None
        if len({entry.path for entry in entries}) != len(entries):
            raise self._damaged("its index names an entry twice")
        size = _total_size(info.name, info.size, entries)
        if self._size < size:
            raise self._damaged(
                f"it has {self._size:,} bytes of {size:,}: it was not copied to the end, so copy it again"
            )  # fmt: skip
        if self._size > size:
            raise self._damaged(f"it has {self._size - size:,} bytes too many")
        return entries

    def import_into(
        self, store: LogitStore, entries: Sequence[PackedEntry], done: Callable[[int], None]
    ) -> Iterator[tuple[PackedEntry, str]]:
        """Copy entries into a store. Each appears in a single rename, when all its bytes are compared with their checksums.

        Args:
            store: the store. Sound entries in it are never overwritten; damaged ones are set aside, and imported.
            entries: the entries to copy.
            done: called with the number of bytes that have been read or skipped.

        Yields:
            Each entry and what became of it: "" if it was imported, otherwise why not.

        Raises:
            WeeError: the file is damaged, or there is not enough space. The entries that have been yielded are in the store.
        """
        wanted = {entry.path for entry in entries}
        missing = [entry for entry in entries if not _is_whole(store.root / entry.path)]
        _check_space(store.root, sum(entry.size for entry in missing))
        self._file.seek(self._first)
        for entry in self.entries:
            if entry.path not in wanted:
                self._skip(entry)
                continue
            yield entry, self._import(store, entry, done)
        self._expect(bytes(self._size - self._file.tell()), "the end")

    def _import(self, store: LogitStore, entry: PackedEntry, done: Callable[[int], None]) -> str:
        folder = store.root / entry.path
        lock = Lock(lock_path(folder))
        if folder.is_dir() and (damage := _damage_of(folder)):
            store.set_aside(folder)
            if folder.is_dir() and _damage_of(folder):
                self._skip(entry)
                done(entry.size)
                held = (
                    f"{lock.holder()} holds its lock"
                    if lock.path.exists()
                    else "its lock was held until now, so try again"
                )
                return f"{DAMAGED} {held}: {damage}"
        if folder.is_dir():
            costs.set_damaged_aside(folder)
            added = self._add_costs(entry, folder)
            done(entry.size)
            return PRESENT if not added else f"{PRESENT}; costs added: {added}"
        if not lock.acquire():
            self._skip(entry)
            done(entry.size)
            return f"{BUSY} {lock.holder()}"
        try:
            with staged(folder) as temporary, needing_space(folder.parent, entry.size, KEPT):
                self._extract(entry, temporary, done)
                self._check_entry(entry, temporary)
                committed = commit_folder(temporary, folder)
        finally:
            lock.release()
        return "" if committed else PRESENT

    def _extract(self, entry: PackedEntry, folder: Path, done: Callable[[int], None]) -> None:
        """Write the files of an entry into a folder, and compare them with their checksums."""
        for part in entry.files:
            self._expect(_header(f"{entry.path}/{part.name}", part.size), f"the header of {part.name} of {entry.path}")
            target = folder / part.name
            target.parent.mkdir(exist_ok=True)
            with target.open("xb") as file:
                for block in self._blocks(entry, part):
                    file.write(block)
                    done(len(block))

    def _blocks(self, entry: PackedEntry, part: PackedFile) -> Iterator[bytes]:
        """Yield the content of a file in chunks, each compared with its checksum, and read the padding after it."""
        for start, crc32 in zip(range(0, part.size, CHUNK), part.crc32, strict=True):
            block = self._file.read(min(CHUNK, part.size - start))
            if zlib.crc32(block) != crc32:
                raise self._damaged(f"in {part.name} of {entry.path}, bytes from {start:,} on are not what was written")
            yield block
        self._expect(bytes(-part.size % _BLOCK), f"the end of {part.name} of {entry.path}")

    def _check_entry(self, entry: PackedEntry, folder: Path) -> None:
        """Check that the files that were written make up the entry that the index names.

        Raises:
            WeeError: they do not.
        """
        try:
            opened = Entry.open(folder)
            manifest = opened.manifest
            arrays = {part.name: part for part in entry.files if part.name.endswith(".npy")}
            written = {name: (about["bytes"], about["crc32"]) for name, about in manifest["files"].items()}
            matches = (
                opened.key == entry.key == key_of(manifest["identity"])
                and opened.address == entry.address
                and {name: (part.size, part.crc32) for name, part in arrays.items()} == written
                and opened.logits.shape == tuple(manifest["shape"])
                and str(opened.logits.dtype) == manifest["dtype"]
            )
            samples = manifest["shape"][-2]
            for values in (opened.labels, opened.ids, opened.groups):
                matches = matches and values.shape == (samples,)
            costs.read_costs(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError) as error:
            raise WeeError(
                f"{self.path}: {entry.path} is no entry that wee wrote, and is not imported ({error})"
            ) from None
        if not matches:
            raise WeeError(
                f"{self.path}: {entry.path} is no entry that wee wrote, and is not imported: its parts differ"
            )

    def _add_costs(self, entry: PackedEntry, folder: Path) -> int:
        """Add the costs in the file that an entry in the store lacks; return how many there were."""
        added = 0
        for part in entry.files:
            self._expect(_header(f"{entry.path}/{part.name}", part.size), f"the header of {part.name} of {entry.path}")
            if not part.name.startswith(f"{costs.FOLDER}/"):
                self._file.seek(part.size + -part.size % _BLOCK, os.SEEK_CUR)
                continue
            content = b"".join(self._blocks(entry, part))
            if not (folder / part.name).exists() and costs.is_cost(part.name.rpartition("/")[2], content):
                write_atomically(folder / part.name, content)
                added += 1
        return added

    def _skip(self, entry: PackedEntry) -> None:
        for part in entry.files:
            header = len(_header(f"{entry.path}/{part.name}", part.size))
            self._file.seek(header + part.size + -part.size % _BLOCK, os.SEEK_CUR)

    def _expect(self, expected: bytes, what: str) -> None:
        if self._file.read(len(expected)) != expected:
            raise self._damaged(f"{what} is not what was written")

    def _damaged(self, what: str) -> WeeError:
        return WeeError(f"{self.path} is damaged: {what}. {KEPT}")


PRESENT, BUSY, DAMAGED = "it is there already", "it is being written by", "it is damaged here, and"
"""Why an entry is not imported."""

KEPT = "Entries that were imported before are kept, and the same command imports the others."


def _is_whole(folder: Path) -> bool:
    """Return whether a folder has an entry that shows no damage; its arrays are not read."""
    try:
        return folder.is_dir() and not visible_damage(Entry.open(folder))
    except Damaged:
        return False


def _damage_of(folder: Path) -> str:
    """Compare the arrays of an entry with their checksums; return what is damaged, empty if nothing is."""
    try:
        Entry.open(folder).verify()
    except Damaged as error:
        return str(error)
    return ""


def _unpack(described: Any) -> PackedEntry:
    """Read an entry of an index, and check every name that becomes part of a path.

    Raises:
        WeeError, ValueError, KeyError, TypeError, AttributeError: something is wrong with it.
    """
    address, key = Address.parse(described["address"]), described["key"]
    if not all(isinstance(name, str) for name in (address.dataset, address.family, address.scale)):
        raise WeeError(f"{address} is no address of an entry")
    if isinstance(address.member, bool) or not isinstance(address.member, int) or address.member < 0:
        raise WeeError(f"{address.member!r} is no number of a member")
    if not isinstance(key, str) or not re.fullmatch(rf"[0-9a-f]{{{KEY_LENGTH}}}", key):
        raise WeeError(f"{key!r} is no key of an entry")
    files = [PackedFile(file["name"], file["bytes"], list(file["crc32"])) for file in described["files"]]
    for file in files:
        if not isinstance(file.name, str) or not _FILE.fullmatch(file.name):
            raise WeeError(f"{file.name!r} is no name of a file of an entry; nothing is imported")
        if isinstance(file.size, bool) or not isinstance(file.size, int) or file.size < 0:
            raise WeeError(f"{file.size!r} is no size of a file")
        if len(file.crc32) != -(-file.size // CHUNK) or not all(isinstance(crc, int) for crc in file.crc32):
            raise WeeError(f"{file.name} has {len(file.crc32)} checksums for {file.size:,} bytes")
    if len({file.name for file in files}) != len(files):
        raise WeeError("an entry has two files of one name")
    return PackedEntry(address, key, files)
