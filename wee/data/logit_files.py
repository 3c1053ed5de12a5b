"""Readers of logits that other programs computed: `.npz`, `.safetensors`, and the paper authors' torch files."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError, first_line, unknown
from wee.method import NO_LABEL
from wee.units import counted

log = logging.getLogger("wee")

REQUIRED = ("val", "test")
"""The splits that every import must have."""

LAYOUT = "[members, samples, classes] or [samples, classes]"
"""The axes of the logits in a file; [samples, classes] are those of one member."""


@dataclass(frozen=True)
class Imported:
    """The logits and samples of one split that was read.

    Attributes:
        logits: [members, N, classes], or [exits, N, classes] of one multi-exit network.
        labels: [N]; `NO_LABEL` for an OOD set.
        ids: id of every sample [N], bytes.
        groups: group of every sample [N], bytes; samples of a group depend on each other.
        newly_tied: number of maximum softmax probabilities, over all members or exits, that equal another sample's only
            because of the conversion to the dtype of `logits`.
    """

    logits: NDArray[np.floating]
    labels: NDArray[np.int64]
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]
    newly_tied: int


def read(
    files: Sequence[Path],
    labels: Mapping[str, str],
    names: Mapping[str, str],
    variant: str | None,
    ood: Sequence[str] = (),
    dtype: str = "float32",
) -> dict[SplitName, Imported]:
    """Read and check logits on a validation split, a test split and OOD sets.

    The first of several files describes the samples: its labels, ids and groups are used for all members. Other files may
    omit them, since they belong to the samples and not to a member; those present must equal the first file's, sample by
    sample. A file without ids is assumed to be in the first file's order, with a warning if the first file has ids. Labels,
    ids or groups that only a later file has are an error, because they would be dropped.

    Args:
        files: one file with all members, or one for each member. In `.npz` and `.safetensors`: `val_logits`, `test_logits`
            and `NAME_logits` for other sets, [members, N, classes] or [N, classes] in a member's own file; `val_labels` and
            `test_labels` [N], and `NAME_labels` of labelled shifted test sets (sets without are OOD); optionally
            `NAME_ids` and `NAME_groups` [N]. In the authors' torch files
            `{"afp, wfp": {"imagenet": tensor, "imagenet_val": tensor, ..}}`, or `{"imagenet": {"head1": tensor, ..}}`.
        labels: files with the labels of "val" and "test", if the logits' files have none: `.npy`, `.npz` with one array, or
            text with one number per line. If the logits' files have labels too, both must agree.
        names: the split ("val", "test" or an OOD set's name) of each name in the files, if the files use other names.
        ood: names of sets that are OOD although they have labels.
        variant: which entry of an authors' file to read, if it has several.
        dtype: floating-point type to which all logits are converted.

    Returns:
        The imported data by split: val and test of the ID data, OOD sets, and shifted test sets.

    Raises:
        WeeError: a file cannot be read or holds pickled objects, arrays do not fit together, are probabilities in place of
            logits, or overflow `dtype`; the message says which.
    """
    given = [_arrays(path, variant) for path in files]
    parts = [_rename(arrays, names) for arrays in given]
    keys = dict.fromkeys(key.removesuffix("_logits") for part in parts for key in part if key.endswith("_logits"))
    for name in REQUIRED:
        if name not in keys:
            raise WeeError(
                f"{files[0]} has no array {name}_logits; its arrays are {', '.join(sorted(given[0])) or 'none'}. Expected are "
                f"val_logits, val_labels, test_logits and test_labels; for other names, names.NAME={name} says that "
                f"NAME_logits are {name}_logits"
            )
    splits = {}
    for name in keys:
        labelled = name in REQUIRED or (name not in ood and (f"{name}_labels" in parts[0] or name in labels))
        splits[_split_name(name, labelled)] = _split(name, files, parts, labels, labelled, dtype)
    widths = {str(split): imported.logits.shape[-1] for split, imported in splits.items()}
    counts = {str(split): imported.logits.shape[0] for split, imported in splits.items()}
    for what, sizes in (("classes", widths), ("members or exits", counts)):
        if len(set(sizes.values())) > 1:
            shapes = ", ".join(f"{name}_logits {list(np.shape(parts[0][f'{name}_logits']))}" for name in keys)
            raise WeeError(
                f"the splits of {files[0]} differ in their number of {what}: the shapes are {shapes}; give all as "
                f"{LAYOUT}, with the same {what}"
            )
    warn_if_same(splits[VAL].logits, splits[TEST].logits)
    return splits


def warn_if_same(val: NDArray[np.floating], test: NDArray[np.floating]) -> None:
    """Warn if the validation and the test set have the same logits [members, N, classes]."""
    if val.shape == test.shape and np.array_equal(val, test):
        log.warning(
            "val and test have the same logits: thresholds and windows are then set on the samples that results are reported "
            "on, which makes results optimistic, and guarantees are not seen to fail"
        )


def _split_name(name: str, labelled: bool) -> SplitName:
    """Return the split that the array NAME_logits belongs to."""
    if name in REQUIRED:
        return SplitName.parse(name)
    return SplitName.shifted(name) if labelled else SplitName.ood(name)


def _split(
    name: str,
    files: Sequence[Path],
    parts: Sequence[Mapping[str, Any]],
    label_files: Mapping[str, str],
    labelled: bool,
    dtype: str,
) -> Imported:
    stacks, newly_tied = [], 0
    for path, part in zip(files, parts, strict=True):
        if f"{name}_logits" not in part:
            raise WeeError(f"{path} has no {name}_logits, which {files[0]} has")
        what = f"{name}_logits in {path}"
        given = _logits(what, part[f"{name}_logits"])
        if len(files) > 1 and len(given) > 1:
            raise WeeError(f"{what} has {len(given)} members; of several files each holds one member")
        stacks.append(_converted(what, given, dtype))
        newly_tied += _count_newly_tied(given, stacks[-1])
    shapes = {str(path): stack.shape[1:] for path, stack in zip(files, stacks, strict=True)}
    if len(set(shapes.values())) > 1:
        raise WeeError(f"the members' {name}_logits differ in shape (samples, classes): {shapes}")
    logits = stacks[0] if len(stacks) == 1 else np.concatenate(stacks)
    count = logits.shape[1]

    described = [_description(name, path, part, logits.shape) for path, part in zip(files, parts, strict=True)]
    expected = {kind: (files[0], array) for kind, array in described[0].items()}
    labels = np.full(count, NO_LABEL, dtype=np.int64)
    if labelled:
        if name in label_files:
            expected["labels"] = (Path(label_files[name]), _label_file(Path(label_files[name])))
        if "labels" not in expected:
            raise WeeError(f"{files[0]} has no {name}_labels; name a file that has them: labels.{name}=FILE")
        labels = _labels(name, *expected["labels"], logits.shape)
    for path, description in zip(files, described, strict=True):
        _check_description(name, path, description, expected)

    ids = described[0].get("ids", np.array([f"{name}-{i}".encode() for i in range(count)]))
    if len(np.unique(ids)) < count:
        raise WeeError(f"{name}_ids in {files[0]} names a sample twice")
    return Imported(logits, labels, ids, described[0].get("groups", ids), newly_tied)


def _description(
    name: str, path: Path, part: Mapping[str, Any], logits_shape: tuple[int, ...]
) -> dict[str, NDArray[Any]]:
    """Return the arrays "ids", "groups" and "labels" of a split that a file has.

    Args:
        name: name of the split.
        path: path of the file.
        part: the arrays of the file.
        logits_shape: shape of the logits of all members, [members, N, classes].

    Raises:
        WeeError: ids or groups do not fit the logits.
    """
    description = {}
    for kind in ("ids", "groups", "labels"):
        if f"{name}_{kind}" not in part:
            continue
        array = np.asarray(part[f"{name}_{kind}"])
        if kind != "labels":
            _check_length(f"{name}_{kind} in {path}", array, name, logits_shape)
            try:
                array = encoded(array)
            except UnicodeEncodeError as error:
                raise WeeError(f"{name}_{kind} in {path} has a name that is no text: {error}") from None
        description[kind] = array
    return description


def _check_length(what: str, array: NDArray[Any], name: str, logits_shape: tuple[int, ...]) -> None:
    """Check that an array has one element for each sample of the logits.

    Args:
        what: name of the array, for messages.
        array: the labels, ids or groups of a split.
        name: name of the split.
        logits_shape: shape of the logits of all members, [members, N, classes].

    Raises:
        WeeError: it has not.
    """
    members, count, _ = logits_shape
    if array.shape == (count,):
        return
    read = f"{name}_logits {list(logits_shape)}, read as [members, samples, classes]"
    if array.shape == (members,):
        raise WeeError(
            f"{what} has {members} elements, but {read}, have {count} samples of {members} members: the first two axes look "
            f"swapped. Expected are logits {LAYOUT}; np.swapaxes(logits, 0, 1) exchanges the axes"
        )
    raise WeeError(f"{what} has shape {list(array.shape)}, but {read}, have {count} samples: expected is [{count}]")


def encoded(names: NDArray[Any]) -> NDArray[np.bytes_]:
    """Return ids or groups, numbers or text, as the bytes that a store keeps.

    Raises:
        UnicodeEncodeError: a name is no text.
    """
    return names if names.dtype.kind == "S" else np.char.encode(names.astype(np.str_), "utf-8")


def _check_description(
    name: str, path: Path, description: Mapping[str, NDArray[Any]], expected: Mapping[str, tuple[Path, NDArray[Any]]]
) -> None:
    """Check the ids, groups and labels of a file against the expected ones.

    Args:
        name: name of the split.
        path: path of the file.
        description: the arrays "ids", "groups" and "labels" that the file has.
        expected: for each of "ids", "groups" and "labels", the file that it comes from, and the array.

    Raises:
        WeeError: an array differs from the expected one, or only this file has it.
    """
    for kind, array in description.items():
        what = f"{name}_{kind}"
        if kind not in expected:
            raise WeeError(
                f"{path} has {what}, but the first file has none, and it describes the samples of all members: "
                f"add {what} to the first file, or leave it out of this one"
            )
        source, reference = expected[kind]
        if source == path:
            continue
        if array.shape != reference.shape:
            raise WeeError(f"{what} in {path} has shape {array.shape}, but those in {source} {reference.shape}")
        different = (array != reference).reshape(len(array), -1).any(axis=1)
        if different.any():
            first = int(different.argmax())
            reordered = kind == "ids" and np.array_equal(np.sort(array), np.sort(reference))
            raise WeeError(
                f"{what} in {path} and in {source} differ for {int(different.sum()):,} of {len(array):,} samples, "
                f"the first is sample {first} ({_written(array[first])} and {_written(reference[first])}): "
                + (
                    "they are the same samples in another order; sort them by id"
                    if reordered
                    else "both must describe the same samples in the same order"
                )
            )
    if "ids" in expected and "ids" not in description:
        log.warning(f"{path} has no {name}_ids: its samples are taken to be in the order of {expected['ids'][0]}")


def _written(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _logits(what: str, array: Any) -> NDArray[np.floating]:
    logits = np.asarray(array)
    if logits.dtype.kind != "f":
        raise WeeError(f"{what} are {logits.dtype}; logits are floating-point numbers")
    if logits.ndim == 2:
        logits = logits[None]
    if logits.ndim != 3 or 0 in logits.shape:
        raise WeeError(f"{what} have shape {list(np.shape(array))}; it must be {LAYOUT}")
    if not np.isfinite(logits).all():
        raise WeeError(f"{what}: {_counted(~np.isfinite(logits), 'are not finite')}")
    check_not_probabilities(what, logits)
    return logits


def as_array(what: str, values: Any) -> NDArray[Any]:
    """Return values as an array; tensors may be on any device, and of a type that numpy does not have.

    Args:
        what: name of the values, for messages.
        values: an array, a tensor, or nested lists.

    Raises:
        WeeError: the values are nested lists of different lengths, or nothing that numpy can convert.
    """
    torch = sys.modules.get("torch")  # where it is not imported, there are no tensors
    if torch is not None and isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() and values.dtype.itemsize < 4 else values
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise WeeError(f"{what} cannot be converted to an array: {first_line(error)}") from None


def check_not_probabilities(what: str, logits: NDArray[np.floating]) -> None:
    """Check that an array has logits, and not the probabilities that a softmax makes of them.

    Args:
        what: name of the array, for messages.
        logits: [.., classes], finite.

    Raises:
        WeeError: no value is negative, and the values of each sample sum to 1 within 0.001.
    """
    if logits.shape[-1] < 2 or (logits < 0).any():
        return
    if np.allclose(logits.sum(axis=-1, dtype=np.float64), 1.0, rtol=0, atol=1e-3):
        raise WeeError(
            f"{what} are probabilities: no value is negative, and the values of each sample sum to 1. Give the values before "
            "the softmax, or the logarithms of the probabilities: np.log(np.maximum(probabilities, 1e-12))"
        )


def _counted(wrong: NDArray[np.bool_], what: str) -> str:
    """Return a text with the number of wrong logits [members, samples, classes] and the first member and sample."""
    member, sample, _ = (int(place[0]) for place in np.nonzero(wrong))
    return f"{counted(int(wrong.sum()), 'value')} {what}, the first of member {member}, sample {sample}"


def _converted(what: str, logits: NDArray[np.floating], dtype: str) -> NDArray[np.floating]:
    """Convert logits [members, N, classes] to `dtype`.

    Raises:
        WeeError: values overflow `dtype`.
    """
    with np.errstate(over="ignore"):
        converted: NDArray[np.floating] = logits.astype(dtype, copy=False)
    overflow = ~np.isfinite(converted)
    if overflow.any():
        largest = float(np.abs(logits).max())
        wider = "float32" if largest <= float(np.finfo(np.float32).max) else "float64"
        raise WeeError(
            f"{what}: {_counted(overflow, f'are too large for {dtype}')}; the largest is {largest:.3g}, "
            f"for which dtype={wider} is wide enough"
        )
    return converted


def _count_newly_tied(given: NDArray[np.floating], converted: NDArray[np.floating]) -> int:
    """Count the maximum softmax probabilities, over all members, that equal another sample's only because of a conversion.

    Args:
        given: logits before the conversion, [members, N, classes].
        converted: logits after the conversion.
    """
    if given.dtype == converted.dtype:
        return 0
    count = 0
    for before, after in zip(map(_confidence, given), map(_confidence, converted), strict=True):
        order = np.lexsort((before, after))
        before, after = before[order], after[order]
        starts = np.flatnonzero(np.append(True, after[1:] != after[:-1]))  # of runs of equal confidences
        ends = np.append(starts[1:], len(after))
        count += int((ends - starts)[before[starts] != before[ends - 1]].sum())
    return count


def _confidence(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the maximum softmax probability [N] of one member's logits [N, classes], as a sweep computes it."""
    import torch

    from wee.method.logits import Outputs

    confidence: NDArray[np.float64] = Outputs([torch.from_numpy(logits.astype(np.float64))]).peak.numpy()
    return confidence


def _labels(name: str, path: Path, labels: NDArray[Any], logits_shape: tuple[int, ...]) -> NDArray[np.int64]:
    if labels.dtype.kind not in "iu":
        raise WeeError(f"the {name} labels in {path} are {labels.dtype}; labels are whole numbers")
    _check_length(f"{name}_labels in {path}", labels, name, logits_shape)
    classes = logits_shape[-1]
    if labels.min() < 0 or labels.max() >= classes:
        raise WeeError(
            f"the {name} labels in {path} run from {labels.min()} to {labels.max()}, but the logits have {classes} classes: "
            f"labels lie in 0..{classes - 1}"
        )
    return labels.astype(np.int64)


def _label_file(path: Path) -> NDArray[Any]:
    try:
        if path.suffix == ".npy":
            loaded: NDArray[Any] = np.load(path, allow_pickle=False)
            return loaded
        if path.suffix == ".npz":
            (array,) = _npz(path).values()
            return np.asarray(array)
        return np.loadtxt(path, dtype=np.int64, ndmin=1)
    except FileNotFoundError:
        raise _no_file(path) from None
    except Exception as error:  # numpy raises errors of many types for damaged files
        raise WeeError(f"{path} cannot be read as labels: {error}") from None


def _no_file(path: Path) -> WeeError:
    """Return the error for a file that does not exist; it names the folder that the file was looked for in."""
    return WeeError(f"there is no file {path.name} in {path.absolute().parent}")


def _arrays(path: Path, variant: str | None) -> dict[str, Any]:
    """Return the arrays of a file of any supported kind, by name."""
    if not path.is_file():
        raise _no_file(path)
    readers = {".npz": _npz, ".safetensors": _safetensors}
    if path.suffix in readers:
        return readers[path.suffix](path)
    if path.suffix in (".pt", ".pth", ".pkl", ".bin", ".tar"):
        return _authors(path, variant)
    raise unknown("kind of logit file", path.suffix or path.name, [*readers, ".pt", ".pth"])


def _npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except ValueError as error:
        pickled = "pickle" in str(error).lower()
        why = "it holds pickled Python objects, which could run code and are not read" if pickled else str(error)
        raise WeeError(f"{path} cannot be read: {why}") from None
    except Exception as error:  # numpy and zipfile raise errors of many types for damaged files
        raise WeeError(f"{path} is damaged or no .npz file: {error}") from None


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except Exception as error:
        raise WeeError(f"{path} is damaged or no .safetensors file: {error}") from None


def _authors(path: Path, variant: str | None) -> dict[str, Any]:
    """Return the arrays of a torch file of the paper's authors, without running code that the file may contain."""
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeeError(
            f"{path} cannot be read as plain tensors (pickled code is not run): {first_line(error)}"
        ) from None
    if not isinstance(loaded, dict) or not loaded:
        raise WeeError(f"{path} contains a {type(loaded).__name__}; it must be a dict of tensors by data set")
    inner = next(iter(loaded.values()))
    if isinstance(inner, dict) and not any(str(key).startswith("head") for key in inner):
        if variant is None and len(loaded) > 1:
            raise WeeError(
                f"{path} has several variants; choose one: variant={next(iter(loaded))!r} of {sorted(loaded)}"
            )
        chosen = variant if variant is not None else next(iter(loaded))
        if chosen not in loaded:
            raise unknown("variant", chosen, loaded, of=str(path))
        loaded = loaded[chosen]
    arrays = {}
    for name, value in loaded.items():
        key = {"imagenet": "test", "imagenet_val": "val"}.get(str(name), str(name).replace("-", "_"))
        if isinstance(value, dict):
            heads = sorted(value, key=lambda head: int("".join(filter(str.isdigit, str(head))) or 0))
            value = torch.stack([value[head] for head in heads])
        if not isinstance(value, torch.Tensor):
            raise WeeError(f"{name} in {path} is a {type(value).__name__}; it must be a tensor")
        if value.is_floating_point() and value.dtype != torch.float64:
            value = value.float()  # exact, and numpy has no bfloat16
        arrays[f"{key}_logits"] = value.numpy()
    return arrays


def _rename(arrays: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    renamed = {}
    for key, value in arrays.items():
        name, separator, kind = key.rpartition("_")
        renamed[f"{names.get(name, name)}{separator}{kind}"] = value
    return renamed
