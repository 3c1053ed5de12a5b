"""Writing an entry in pieces, so that a killed run loses no more than the piece it was writing.

While an entry is made, its pieces are kept in a folder beside the entry's final folder. A piece is a single file, written
under a temporary name and then renamed. It holds logits, the indices of its samples in the split, and the checksums of the zip
format. When no sample is missing, the pieces are joined, and the entry appears in a single rename.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.files import Lock, checksums, commit_folder, needing_space, reserve, save_array, write_atomically
from wee.identity import KEY_LENGTH
from wee.store.entry import FORMAT, MANIFEST, Address, Entry, manifest_checksum

log = logging.getLogger("wee")

PIECE_BYTES = 2**24
"""Approximate size of the logits in a piece, in bytes, unless the number of samples in a piece is given."""

PIECE_SECONDS = 20.0
"""Time after which a piece is written, however small it is, in seconds. A killed run loses no more work than that."""

KEPT = "The pieces written so far are kept; make space, and the same command goes on from there."


class PieceWriter:
    """Writes pieces of an entry. Made by `LogitStore.pieces` if another process has begun the entry and will finish it.

    Args:
        folder: the folder in which the entry will appear.
        address: address of the entry.
        labels, ids: labels and ids of the samples, [N] each.
        piece_samples: number of samples in a piece; None for pieces of about 16 MiB.
    """

    def __init__(
        self,
        folder: Path,
        address: Address,
        labels: NDArray[np.int64],
        ids: NDArray[np.bytes_],
        piece_samples: int | None = None,
    ) -> None:
        self.folder, self.address = folder, address
        self._labels, self._ids, self._piece_samples = labels, ids, piece_samples
        self._pieces = partial_folder(folder) / "pieces"
        self._flushed = time.monotonic()
        self._buffer: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._there = np.zeros(len(labels), dtype=np.bool_)
        self._pieces.mkdir(parents=True, exist_ok=True)

    def add(self, index: NDArray[np.integer], logits: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
        """Add a batch; it is written when a piece is full. Samples that were added before are skipped.

        Args:
            index: index of every sample in the split [n].
            logits: logits [n, classes], or [n, exits, classes] of a multi-exit member.
            labels: true classes [n] that were loaded with the images.

        Raises:
            WeeError: a logit is not finite, an index is out of range, or a label differs from that of the split.
        """
        self._check(index, logits, labels)
        new = ~self._there[index]
        _, first = np.unique(index[new], return_index=True)
        index, logits = index[new][first], logits[new][first]
        if len(index):
            self._there[index] = True
            self._buffer.append((index, logits))
        full = sum(len(part[0]) for part in self._buffer) >= self._samples_a_piece(logits)
        if full or time.monotonic() - self._flushed > PIECE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the samples that were added since the last piece.

        Raises:
            WeeError: the disk is full; no partial file is left, and the samples stay in memory.
        """
        if not self._buffer:
            return
        index, logits = (np.concatenate(parts) for parts in zip(*self._buffer, strict=True))
        if self.folder.is_dir():  # a process that considered this one dead has finished the entry
            self._buffer.clear()
            return
        path = self._pieces / f"{uuid.uuid4().hex}.npz"
        temporary = path.with_suffix(".tmp")
        with needing_space(self._pieces, logits.nbytes + 8 * len(index), KEPT):
            try:
                with temporary.open("wb") as file:
                    np.savez(file, index=index.astype(np.int64), logits=logits)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.rename(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        self._buffer.clear()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """End writing; the pieces stay on disk."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.flush()
        finally:
            self.close()

    def _check(self, index: NDArray[np.integer], logits: NDArray[np.floating], labels: NDArray[np.integer]) -> None:
        if len(index) != len(logits) or len(index) != len(labels):
            raise WeeError(
                f"{self.address}: {len(index)} places, {len(logits)} logits, {len(labels)} labels in one batch"
            )
        if len(index) and not (index.min() >= 0 and index.max() < len(self._labels)):
            raise WeeError(
                f"{self.address}: a batch has places {index.min()} to {index.max()} of {len(self._labels)} samples"
            )
        if not np.isfinite(logits).all():
            sample = self._ids[index[~np.isfinite(logits).reshape(len(index), -1).all(axis=1)][0]].decode()
            raise WeeError(
                f"{self.address}: the logits of sample {sample} are not finite; the network or its precision is at fault"
                + (
                    ", or they are too large for float16 (storage=float32 is wide enough)"
                    if logits.dtype == "f2"
                    else ""
                )
            )
        if (labels != self._labels[index]).any():
            sample = self._ids[index[labels != self._labels[index]][0]].decode()
            raise WeeError(f"{self.address}: sample {sample} came with another label than its split gives it")

    def _samples_a_piece(self, logits: NDArray[np.floating]) -> int:
        if self._piece_samples is not None:
            return self._piece_samples
        return max(1, PIECE_BYTES // max(1, logits[0].nbytes if len(logits) else PIECE_BYTES))


class EntryWriter(PieceWriter):
    """Writes an entry. Made by `LogitStore.writer`; holds the entry's lock until `close`.

    Args:
        folder, address, labels, ids, piece_samples: as in `PieceWriter`.
        identity: what makes the entry, as plain data.
        groups: groups of the samples [N].
        lock: the lock of the entry, already acquired.

    Attributes:
        missing: indices of the samples that have no logits yet, ascending.
        found: number of samples whose logits an interrupted run had written.
    """

    def __init__(
        self,
        folder: Path,
        address: Address,
        identity: Mapping[str, Any],
        labels: NDArray[np.int64],
        ids: NDArray[np.bytes_],
        groups: NDArray[np.bytes_],
        lock: Lock,
        piece_samples: int | None = None,
    ) -> None:
        super().__init__(folder, address, labels, ids, piece_samples)
        self.key, self.identity = folder.name[-KEY_LENGTH:], dict(identity)
        self._groups, self._lock = groups, lock
        self._clean()
        self.collect()
        self.found = int(self._there.sum())
        if self.found:
            log.info(
                f"{self.address}: found {self.found:,} of {len(self._there):,} samples "
                f"from an interrupted run; going on with the other {len(self.missing):,}"
            )

    @property
    def missing(self) -> NDArray[np.int64]:
        """Indices of the samples that have no logits yet, ascending."""
        return np.flatnonzero(~self._there)

    def collect(self) -> None:
        """Look for pieces of an interrupted run or of other processes, and count their samples as present."""
        for path in sorted(self._pieces.glob("*.npz")):
            piece = read_piece(path)
            if piece is None:
                log.warning(f"{self.address}: removed the damaged piece {path.name}; its samples are computed again")
                path.unlink()
            else:
                self._there[piece[0]] = True

    def commit(self, cost: Mapping[str, Any], provenance: Mapping[str, Any]) -> Entry:
        """Join the pieces; the complete entry appears in a single rename.

        Args:
            cost: the costs of one sample, by name. They depend on nothing but the member; other costs are added to the entry
                with `Entry.add_cost`.
            provenance: further information on how the entry was made, which is not part of its identity.

        Returns:
            The entry.

        Raises:
            WeeError: samples are missing, or the disk is full; the pieces are kept.
        """
        self.flush()
        if len(self.missing):
            raise WeeError(f"{self.address}: {len(self.missing):,} of {len(self._labels):,} samples have no logits yet")
        if self.folder.is_dir():
            shutil.rmtree(self._pieces.parent, ignore_errors=True)
            return Entry.open(self.folder)
        shape, dtype = self._layout()
        arrays = {"labels": self._labels, "ids": self._ids, "groups": self._groups}
        if np.array_equal(self._groups, self._ids):  # readers then use the ids as groups
            del arrays["groups"]
        size = math.prod(shape) * dtype.itemsize + sum(array.nbytes for array in arrays.values())
        joined = self._pieces.parent / f"entry-{uuid.uuid4().hex[:8]}"
        with needing_space(self._pieces.parent, size, KEPT):
            joined.mkdir()
            try:
                self._join(joined / "logits.npy", shape, dtype)
                for name, array in arrays.items():
                    save_array(joined / f"{name}.npy", array)
                self._describe(joined, shape, dtype, cost, provenance)
                commit_folder(joined, self.folder)
            except BaseException:
                shutil.rmtree(joined, ignore_errors=True)
                raise
        entry = Entry.open(self.folder)
        shutil.rmtree(self._pieces.parent, ignore_errors=True)
        return entry

    def close(self) -> None:
        """Release the entry's lock; the pieces are kept for the next run."""
        self._lock.release()

    def _clean(self) -> None:
        """Remove the partial files and folders of an interrupted run."""
        for partial in [*self._pieces.glob("*.tmp"), *self._pieces.parent.glob("entry-*")]:
            log.warning(f"{self.address}: removed {partial.name}, left half-written by an interrupted run")
            shutil.rmtree(partial) if partial.is_dir() else partial.unlink()

    def _describe(
        self,
        joined: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        cost: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> None:
        """Write the manifest of the entry, next to its other files."""
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "key": self.key,
            "address": self.address.describe(),
            "identity": self.identity,
            "shape": list(shape),
            "dtype": str(dtype),
            "cost": dict(cost),
            "provenance": dict(provenance),
            "files": {p.name: {"bytes": p.stat().st_size, "crc32": checksums(p)} for p in sorted(joined.iterdir())},
        }
        manifest = json.loads(json.dumps(manifest))
        complete = {**manifest, "crc32": manifest_checksum(manifest)}
        write_atomically(joined / MANIFEST, json.dumps(complete, indent=1) + "\n")

    def _read(self) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Read the pieces one after the other.

        Yields:
            The indices of the samples of a piece in the split, and their logits.

        Raises:
            WeeError: a piece is damaged.
        """
        for path in sorted(self._pieces.glob("*.npz")):
            piece = read_piece(path)
            if piece is None:
                raise WeeError(
                    f"{self.address}: the piece {path} was damaged after it was written; run the command again"
                )
            yield piece

    def _layout(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return the shape and dtype of the whole entry's logits, which follow from the first piece.

        Raises:
            WeeError: the piece is damaged, or there is none.
        """
        for _, logits in self._read():
            return (*logits.shape[1:-1], len(self._labels), logits.shape[-1]), logits.dtype
        raise self._missing_pieces()

    def _join(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Write the logits of all pieces into one file, without holding them in memory.

        Raises:
            OSError: the disk is full.
            WeeError: a piece is damaged or missing.
        """
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            reserve(file, file.tell() + math.prod(shape) * dtype.itemsize)
        target = np.lib.format.open_memmap(path, mode="r+")
        covered = np.zeros(len(self._labels), dtype=np.bool_)
        for index, logits in self._read():
            covered[index] = True
            target[..., index, :] = np.moveaxis(logits, 0, -2)
        if not covered.all():
            raise self._missing_pieces()
        target.flush()

    def _missing_pieces(self) -> WeeError:
        return WeeError(f"{self.address}: pieces have gone missing from {self._pieces}; run the command again")


def partial_folder(folder: Path) -> Path:
    """Return the folder that holds the pieces of an entry until it is complete."""
    return folder.with_name(f"{folder.name}.partial")


def read_piece(path: Path) -> tuple[NDArray[np.int64], NDArray[Any]] | None:
    """Read the indices and logits of a piece; return None if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as piece:
            return piece["index"], piece["logits"]
    except Exception:  # numpy and zipfile raise errors of many types for damaged files
        return None
