"""Bad input, drawn from a seed: overrides, YAML files, and files of every kind that commands read, damaged or hostile."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.numpy import save as save_safetensors

from tests.helpers.worlds import CALIBRATE, CASCADE, EVALUATE, EXPORT, OOD, PREDICT, SMALL, SWEEP

CANARY = "CANARY"
"""The name of a file that only code from a data file could make."""

NOT_REACHED = "the fuzzer stops here"
"""The message of `stop_before_training`."""


class Bomb:
    """An object whose pickle runs a command when it is read."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        """Return the call that makes the canary."""
        import os

        return os.system, (f"touch {CANARY}",)


def stop_before_training(_: Any) -> None:
    """Replace training by an error, in the process of a fuzzed command: huge values would train for ever."""
    from wee.commands import train
    from wee.errors import WeeError

    def stopped(*_: Any) -> dict[str, Any]:
        raise WeeError(NOT_REACHED)

    train._train = stopped


@dataclass(frozen=True)
class BadInput:
    """A command with bad input.

    Attributes:
        kind: what is bad, for counting.
        arguments: the command line.
        parts: the parts of the world that the command needs.
        files: what is written beforehand, by path.
        hook: what is called in the process first.
    """

    kind: str
    arguments: tuple[str, ...]
    parts: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    hook: str = ""


VALUES = (
    "", "null", "nan", "inf", "-inf", "-1", "0", "1", "2", "1e308", "1e-320", "0.5", "-0.0", "9223372036854775808",
    "-9223372036854775809", "1_0", "0x10", "true", "false", "yes", "[]", "{}", "[[]]", "[1,2]", "[0,0]", "[null]", "{a:1}",
    "{a:{b:{c:{d:1}}}}", "[[[[1]]]]", "'quoted'", '"double"', "\\'", "a b", "ä", "日本語", "\u202e", "\x01", "a\nb", "..", "/",
    "../../etc", "/dev/null", "/dev/null/x", "~", "*", "%s", "%(x)s", "{}{}", "${oc.env:HOME}", "${oc.env:NOSUCH}", "${nosuch}",
    "${.}", "${..scale}", "${paths.outputs}", "${now:%Y}", "${hydra:job.name}", "${oc.decode:'[1'}", "${oc.create:{a:1}}", "${",
    "$", "???", "???x", "a=b", "a,b", "1,2", "range(3)", "glob(*)", "choice(1,2)", "interval(0,1)", "sort(1,2)", "x" * 300,
    "module:Name", "os:system", "nosuch.module:Name", ":", "a:", ":b", "os.path:join", "math:pi", "cov@5", "cov@", "cov@nan", "cov@-1",
    "cov@200", "@", "msp", "all", "none", "s1", "[s1,s9]", "__import__('os')", "{_target_:os.system,command:'touch CANARY'}",
    "[{_target_:os.system}]", "hf-hub:evil/model", "local-dir:.", "timm:nosuch", "1e400", "0b1", "1.0.0", "2026-01-01", "!!python/name:os.system",
)  # fmt: skip
"""Values of overrides."""


def overrides(rng: random.Random, keys: Sequence[str]) -> str:
    """Return one bad or strange override."""
    key = rng.choice(keys)
    roll = rng.random()
    if roll < 0.08:
        letters = list(key)
        letters[rng.randrange(len(letters))] = rng.choice("xyz.@/_-=[]{}'\" ä")
        key = "".join(letters)
    elif roll < 0.12:
        key = rng.choice(
            ["", ".", "..", "=", "a.b.c", "hydra", "hydra.job", "hydra.run.dir", "_target_", "defaults", "ä", "a b"]
        )
    elif roll < 0.16:
        key = f"{key}.{rng.choice(['x', '_target_', '0', 'name'])}"
    elif roll < 0.2:
        key = f"{key}@{rng.choice(['', 'x', '_global_', key])}"
    prefix = rng.choice(["", "", "", "", "", "", "+", "++", "~"])
    value = rng.choice(VALUES)
    if rng.random() < 0.15:
        value = f"[{value},{rng.choice(VALUES)}]"
    elif rng.random() < 0.05:
        value = f"{{{rng.choice(['a', 'name', 'kind', '_target_'])}:{value}}}"
    return f"{prefix}{key}={value}" if rng.random() < 0.97 else f"{prefix}{key}"


COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "train": (("train", *SMALL, "trainer.steps=2"), ()),
    "evaluate": (EVALUATE, ("checkpoints",)),
    "import": (("import", "file=logits.npz", "dataset.name=d", "family.name=f", "scale=s", "macs=1e6"), ()),
    "sweep": (SWEEP, ("store",)),
    "calibrate": (CALIBRATE, ("checkpoints", "store")),
    "predict": (PREDICT, ("cascades", "images")),
    "export": (EXPORT, ("cascades",)),
    "latency": (("latency", "scale=s1", "images=4", "batch=2", "rounds=1", "warmup=0", "record=false"), ()),
    "figure": (("figure", "sweeps=t"), ()),
    "best": (("best", "sweeps=t"), ()),
    "explore": (("explore", "sweeps=t"), ()),
    "families": (("families", "family=tiny", "scale=s1"), ()),
    "data": (("data", *SMALL[:2]), ()),
}  # fmt: skip
"""A command line of each command that works, and the parts of the world that it needs."""


def bad_overrides(rng: random.Random, keys: dict[str, list[str]]) -> BadInput:
    """Return a command with one to three bad overrides."""
    command = rng.choice(sorted(COMMANDS))
    arguments, parts = COMMANDS[command]
    bad = [overrides(rng, keys[command]) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    flags = (
        [rng.choice([["-m"], ["--help"], ["--cfg", "job"], ["--multirun"], ["--nosuch"]])]
        if rng.random() < 0.06
        else []
    )
    hook = "tests.helpers.hostile:stop_before_training" if command == "train" else ""
    files = {"logits.npz": npz(logits(rng))} if command == "import" else {}
    return BadInput(
        f"overrides of {command}", (*arguments, *bad, *(flag for group in flags for flag in group)), parts, files, hook
    )


YAMLS = (
    "name: mine\nscales: {s1: {model: test_efficientnet, input_size: 12, kwargs: {channel_multiplier: 0.25}}}\n",
    "name: mine\nmodel: test_efficientnet\nscales:\n  s1: {input_size: 12}\n",
)

HOSTILE_YAML = (
    "!!python/object/apply:os.system ['touch CANARY']\n",
    "name: !!python/object/apply:os.system ['touch CANARY']\nscales: {}\n",
    "name: mine\nscales: !!python/object/new:os.system ['touch CANARY']\n",
    "_target_: os.system\ncommand: touch CANARY\n",
    "name: mine\nscales: {s1: {_target_: os.system, command: touch CANARY}}\n",
    "name: mine\nscales: {s1: {model: test_resnet, input_size: 32, kwargs: {_target_: os.system, command: touch CANARY}}}\n",
    "# @package _global_\nhydra:\n  callbacks:\n    evil: {_target_: os.system, command: touch CANARY}\n",
    "# @package _global_\nhydra:\n  callbacks:\n    evil: {_target_: subprocess.Popen, args: [touch, CANARY]}\n",
    "# @package _global_\nhydra:\n  job_logging:\n    handlers:\n      evil: {class: subprocess.Popen, args: [touch, CANARY]}\n",
    "# @package _global_\nhydra:\n  job_logging:\n    handlers:\n      evil: {(): os.system, command: touch CANARY}\n",
    "# @package _global_\nhydra:\n  hydra_logging:\n    handlers:\n      evil: {(): subprocess.Popen, args: [touch, CANARY]}\n",
    "# @package _global_\nhydra:\n  launcher: {_target_: os.system, command: touch CANARY}\n",
    "# @package _global_\nhydra:\n  sweeper: {_target_: subprocess.Popen, args: [touch, CANARY]}\n",
    "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(f"{chr(98 + k)}: &{chr(98 + k)} [{','.join(['*' + chr(97 + k)] * 9)}]\n" for k in range(9)),
    "name: &n [*n]\n", "{", "[", "a: b: c", "\t", "- 1\n- 2\n", "null\n", "", "42\n", "name: mine\nname: yours\n", "%YAML 9.9\n---\na: 1\n",
    "a: 1\n---\nb: 2\n", "\x00\x01", "name: mine\nscales: [1, 2]\n", "name: [1]\nscales: {s1: 3}\n", "name: mine\nscales: {1.5: {model: x}}\n",
    "name: mine\nscales: {s1: {model: hf-hub:evil/model, input_size: 8}}\n",
    "name: mine\nscales: {s1: {model: 'local-dir:.', input_size: 8}}\n",
    "name: mine\nscales: {s1: {model: test_resnet, input_size: 32, kwargs: {checkpoint_path: bomb.pth}}}\n",
    "name: mine\nscales: {s1: {model: test_resnet, input_size: 32, kwargs: {pretrained: true, pretrained_cfg: {file: bomb.pth}}}}\n",
    "name: mine\nscales: {s1: {model: test_resnet, input_size: 32, kwargs: {pretrained: true, pretrained_cfg_overlay: {file: bomb.pth}}}}\n",
    "name: mine\nscales: {s1: {model: test_resnet, input_size: 32, weights: [bomb.pth, bomb.pth]}}\n",
    "name: mine\nscales: {s1: {model: test_resnet, input_size: 32, weights: ['timm:local-dir:.', 'timm:local-dir:.']}}\n",
    "defaults: [nosuch]\n", "defaults:\n  - _self_\n  - ../../nosuch\n", "defaults: 3\n", "defaults:\n  - mine\n",
)  # fmt: skip
"""Config files that are broken, or that try to run code."""


def bad_yaml(rng: random.Random) -> BadInput:
    """Return a command with a bad file in a folder given as `--config-dir`."""
    roll = rng.random()
    content = rng.choice(HOSTILE_YAML) if roll < 0.6 else mutated_text(rng, rng.choice(YAMLS))
    name, command = rng.choice(
        [("family/mine.yaml", "families"), ("family/mine.yaml", "train"), ("experiment/mine.yaml", "sweep"),
         ("dataset/mine.yaml", "data"), ("trainer/mine.yaml", "train"), ("family/mine.yaml", "evaluate")]
    )  # fmt: skip
    if "@package" in content:
        name, command = "experiment/mine.yaml", rng.choice(["sweep", "train", "data", "evaluate"])
    group = name.partition("/")[0]
    chosen = f"+{group}=mine" if group == "experiment" else f"{group}=mine"
    arguments = (command, "--config-dir=conf", chosen, *(["-m"] if rng.random() < 0.1 else []))
    hook = "tests.helpers.hostile:stop_before_training" if command == "train" else ""
    files = {f"conf/{name}": content.encode("utf-8", "surrogatepass"), "bomb.pth": torch_bomb(), "pytorch_model.bin": torch_bomb(),
             "config.json": json.dumps({"architecture": "test_resnet", "pretrained_cfg": {"file": "bomb.pth"}}).encode()}  # fmt: skip
    return BadInput(f"YAML of {group}", arguments, (), files, hook)


def mutated_text(rng: random.Random, text: str) -> str:
    """Change some characters of a text."""
    letters = list(text)
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.randrange(len(letters))
        letters[place] = rng.choice(
            ["", "{", "}", "[", ":", "\n", " ", "-", "&a", "*a", "!", "'", '"', "9", "ä", "\x00", "null", "${x}", "???"]
        )
    return "".join(letters)


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Damage a file: flipped bits, cut, emptied, repeated, or noise."""
    if not content:
        return b"\x00"
    damaged = bytearray(content)
    how = rng.randrange(8)
    if how == 0:
        return content[: rng.randrange(len(content))]
    if how == 1:
        return rng.choice(
            [b"", b"\x00" * 100, rng.randbytes(200), b"PK\x03\x04", b"\x93NUMPY", b"{}", b"[]", b"null", b"\xff\xfe"]
        )
    if how == 2:
        start = rng.randrange(len(content))
        return content[:start] + rng.randbytes(rng.randrange(1, 20)) + content[start:]
    if how == 3:
        start = rng.randrange(len(content))
        return content[:start] + content[start + rng.randrange(1, 50) :]
    reach = len(damaged) if how < 6 else min(len(damaged), 200)  # headers are where readers trust
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        place = rng.randrange(reach)
        damaged[place] = rng.choice([0, 255, damaged[place] ^ (1 << rng.randrange(8)), rng.randrange(256)])
    return bytes(damaged)


def logits(rng: random.Random) -> dict[str, Any]:
    """Arrays of an import, good ones."""
    draw = np.random.default_rng(rng.randrange(2**32))
    arrays: dict[str, Any] = {"val_logits": draw.normal(size=(2, 12, 3)), "test_logits": draw.normal(size=(2, 12, 3))}
    return {**arrays, "val_labels": draw.integers(3, size=12), "test_labels": draw.integers(3, size=12)}


def npz(arrays: dict[str, Any]) -> bytes:
    """The bytes of a .npz file; objects are pickled."""
    content = io.BytesIO()
    np.savez(content, **arrays, allow_pickle=True)
    return content.getvalue()


def _bad_arrays(rng: random.Random) -> dict[str, Any]:
    """Arrays that do not fit together, or are of the wrong kind."""
    arrays = logits(rng)
    name = rng.choice(sorted(arrays))
    wrong: list[Any] = [
        np.zeros(0), np.zeros((0, 3)), np.array(1.0), np.array(["a"]), np.array([None]), np.array([Bomb()], dtype=object),
        np.full(12, np.nan), np.zeros((2, 12, 3), complex), np.zeros((2, 12, 3), "M8[s]"), np.zeros((2, 12, 3), bool),
        np.full(12, -1), np.full(12, 99), np.full(12, 2**63, np.uint64), np.zeros((2, 2, 12, 3)), np.zeros((2, 11, 3)),
        np.zeros((2, 12, 0)), np.full((2, 12, 3), np.inf), np.zeros(12, [("a", "f8")]), np.array(["\ud800"] * 12), np.zeros((2, 12, 1)),
        np.full((2, 12, 3), 1e300), np.zeros((2, 12, 3), np.float16), np.zeros((2, 12, 3), np.longdouble), np.array([b"x"] * 12),
    ]  # fmt: skip
    arrays[name] = rng.choice(wrong)
    if rng.random() < 0.3:
        del arrays[rng.choice(sorted(arrays))]
    if rng.random() < 0.4:
        extra = rng.choice(
            [
                "x_logits",
                "_logits",
                "../x_logits",
                "x y_logits",
                "ä_logits",
                "val_ids",
                "val_groups",
                "x_labels",
                "ood-x_logits",
                "x",
            ]
        )
        arrays[extra] = rng.choice(wrong)
    return arrays


def torch_bomb() -> bytes:
    """A checkpoint whose reading with pickle would make the canary."""
    content = io.BytesIO()
    torch.save({"state_dict": Bomb()}, content)
    return content.getvalue()


def bad_logits(rng: random.Random) -> BadInput:
    """Return an import of a bad file."""
    suffix = rng.choice([".npz", ".npz", ".npz", ".safetensors", ".pt", ".pth", ".npy", ".csv", ""])
    good = logits(rng)
    if suffix == ".npz":
        arrays = _bad_arrays(rng) if rng.random() < 0.6 else good
        content = npz(arrays)
    elif suffix == ".safetensors":
        content = save_safetensors(good)
    else:
        stored = io.BytesIO()
        tensors = {"imagenet": torch.zeros(2, 12, 3), "imagenet_val": torch.zeros(2, 12, 3)}
        torch.save(
            rng.choice(
                [tensors, {"a": tensors}, {"imagenet": {"head1": torch.zeros(3)}}, [1], Bomb(), {1: 2}, {"a": {}}]
            ),
            stored,
        )
        content = stored.getvalue()
    if suffix == ".safetensors" and rng.random() < 0.4:
        header = rng.choice(
            [
                {"val_logits": {"dtype": "F64", "shape": [2**40, 12, 3], "data_offsets": [0, 8]}},
                {"a": 1},
                [],
                {"__metadata__": 3},
            ]
        )
        text = json.dumps(header).encode()
        content = struct.pack("<Q", rng.choice([len(text), 2**60, 0])) + text + bytes(64)
    if rng.random() < 0.5:
        content = mutated(rng, content)
    if rng.random() < 0.08:
        content = pickle.dumps({"val_logits": Bomb()})
    file = f"logits{suffix}"
    more = rng.choice(
        [
            (),
            ("+labels.val=labels.npy",),
            ("+labels.val=labels.txt", "+labels.test=labels.txt"),
            ("exits=true",),
            ("dtype=float16",),
        ]
    )
    labels = rng.choice(
        [b"", b"a\nb\n", b"1\n" * 12, b"1.5\n" * 12, rng.randbytes(30), npz({"a": np.array([Bomb()], dtype=object)})]
    )
    files = {file: content, "labels.txt": labels, "labels.npy": mutated(rng, _npy(np.zeros(12, np.int64)))}
    arguments = ("import", f"file={file}", "dataset.name=d", "family.name=f", "scale=s", "macs=1e6", *more)
    return BadInput(f"logits in {suffix or 'a file without ending'}", arguments, (), files)


def _npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def bad_image(rng: random.Random) -> BadInput:
    """Return predictions of a folder with a bad image, or a bad list."""
    content = io.BytesIO()
    kind = rng.choice(["png", "jpeg", "bmp", "webp", "tiff", "ppm"])
    mode = rng.choice(["L", "RGB", "RGBA", "I;16", "1", "P", "CMYK", "LA"])
    try:
        Image.new(mode, (rng.choice([1, 8, 300]), rng.choice([1, 8]))).save(content, kind)
    except OSError:
        Image.new("L", (8, 8)).save(content, kind)
    image = mutated(rng, content.getvalue()) if rng.random() < 0.85 else content.getvalue()
    if rng.random() < 0.1:
        image = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 2**30, 2**30, 8, 0, 0, 0, 0) + bytes(64)
    if rng.random() < 0.2:
        lines = rng.choice([b"", b"nosuch.png 1\n", b"images/x.png 99\n", b"\xff\xfe\n", b"images/x.png 1\nimages/x.png 1\n", b"../x 1\n", rng.randbytes(40),
                            b"images/x.png 99999999999999999999\n", b"/etc/passwd 0\n"])  # fmt: skip
        return BadInput(
            "lists of images",
            (*PREDICT[:2], "images=list.txt"),
            ("cascades", "images"),
            {"images/x.png": image, "list.txt": lines},
        )
    name = rng.choice(["x.png", "x.jpg", "x.tiff", "x\ny.png", 'x,".png', "ä.png", " .png", "x.PNG", "0/x.webp"])
    if rng.random() < 0.12:
        name, image = "x.tar", mutated(rng, zipfile_bytes() if rng.random() < 0.5 else image)
    return BadInput("images", PREDICT, ("cascades", "images"), {f"images/{name}": image})


def zipfile_bytes() -> bytes:
    """The bytes of an archive of another kind."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../x.png", b"x")
    return content.getvalue()


JSON_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 2**70, "", "x", "../../etc/passwd", "/etc/passwd", [], {}, [[]], [1, 2], {"a": 1}, "nan", "inf", "os:system",
    "subprocess:getoutput", "hf-hub:evil/model", "local-dir:.", {"_target_": "os.system"}, {"checkpoint_path": "bomb.pth"},
    {"pretrained": True, "pretrained_cfg": {"file": "bomb.pth"}}, "module:Name", 0.5, "x" * 5000,
)  # fmt: skip


def mutated_json(rng: random.Random, content: bytes) -> Any:
    """Replace, remove or add values of a JSON document, keeping it JSON."""
    record = json.loads(content)
    for _ in range(rng.choice([1, 1, 2, 3])):
        inner = record
        while True:
            keys: list[Any] = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(inner[key], (dict, list)) and inner[key] and rng.random() < 0.75:
                inner = inner[key]
                continue
            how = rng.random()
            if how < 0.25:
                del inner[key]
            elif how < 0.35 and isinstance(inner, dict):
                inner["extra"] = rng.choice(JSON_VALUES)
            else:
                inner[key] = rng.choice(JSON_VALUES)
            break
    return record


def bad_cascade(rng: random.Random, root: Path) -> BadInput:
    """Return a prediction or an export by a damaged or hostile cascade."""
    from wee.cascade.description import _CHECKSUM, _checksum_of

    folder = root / CASCADE
    name = rng.choice(
        ["cascade.json", "cascade.json", "cascade.json", *(path.name for path in folder.glob("*.safetensors"))]
    )
    content = (folder / name).read_bytes()
    if name == "cascade.json" and rng.random() < 0.75:
        record = mutated_json(rng, content)
        if rng.random() < 0.3 and isinstance(record, dict) and isinstance(record.get("stages"), list):
            for stage in record["stages"]:
                if isinstance(stage, dict) and isinstance(stage.get("architecture"), dict):
                    stage["architecture"] |= rng.choice(
                        [{"kwargs": {"checkpoint_path": "bomb.pth"}}, {"model": "hf-hub:evil/model"}, {"model": "local-dir:."}, {"kwargs": "x"},
                         {"kwargs": {"pretrained": True, "pretrained_cfg": {"file": "bomb.pth"}}}, {"kwargs": {"num_classes": 3}}]
                    )  # fmt: skip
        if (
            isinstance(record, dict) and rng.random() < 0.85
        ):  # a valid checksum, as somebody who writes such a file would set
            record.pop(_CHECKSUM, None)
            record |= rng.choice([{}, {_CHECKSUM: _checksum_of(record)}])
        content = json.dumps(record).encode()
    else:
        content = mutated(rng, content)
    arguments = rng.choice(
        [
            PREDICT,
            PREDICT,
            EXPORT,
            ("latency", f"cascade={CASCADE}", "images=4", "batch=2", "rounds=1", "warmup=0", "name=x"),
        ]
    )
    return BadInput(
        "cascades", arguments, ("cascades", "images"), {f"{CASCADE}/{name}": content, "bomb.pth": torch_bomb()}
    )


def bad_checkpoint(rng: random.Random, root: Path) -> BadInput:
    """Return an evaluation of a damaged or hostile checkpoint, trained here or given."""
    if rng.random() < 0.5:
        base = root / "outputs" / "checkpoints"
        file = rng.choice(sorted(path for path in base.rglob("0-*/*") if path.is_file()))
        content = file.read_bytes()
        content = (
            json.dumps(mutated_json(rng, content)).encode()
            if file.suffix == ".json" and rng.random() < 0.7
            else mutated(rng, content)
        )
        return BadInput(
            "checkpoints", (*EVALUATE, "member=0"), ("checkpoints",), {str(file.relative_to(root)): content}
        )
    suffix = rng.choice([".pth", ".pt", ".safetensors", ".ckpt", ".bin"])
    stored = io.BytesIO()
    torch.save(
        rng.choice(
            [{"a": torch.zeros(2)}, {"state_dict": {"conv1.weight": torch.zeros(3)}}, [1], {"model": 3}, Bomb(), {}]
        ),
        stored,
    )
    content = save_safetensors({"a": np.zeros(3)}) if suffix == ".safetensors" else stored.getvalue()
    content = rng.choice([content, mutated(rng, content), torch_bomb(), pickle.dumps(Bomb())])
    weights = (
        "+family.scales.mine.model=test_resnet",
        "+family.scales.mine.input_size=32",
        f"+family.scales.mine.weights=w{suffix}",
    )
    arguments = ("evaluate", *SMALL[:2], "scale=mine", "member=0", "ood=none", *weights)
    return BadInput("given weights", arguments, (), {f"w{suffix}": content})


def bad_store(rng: random.Random, root: Path) -> BadInput:
    """Return a sweep or a calibration of a damaged store."""
    from wee.store.entry import manifest_checksum

    base = root / "outputs" / "store"
    file = rng.choice(sorted(path for path in base.rglob("*") if path.is_file() and ".scores" not in path.parts))
    if rng.random() < 0.6:
        file = rng.choice(sorted(base.rglob("manifest.json")))
    content = file.read_bytes()
    if file.name == "manifest.json" and rng.random() < 0.8:
        record = mutated_json(rng, content)
        if isinstance(record, dict) and rng.random() < 0.7:
            record.pop("crc32", None)
            record["crc32"] = manifest_checksum(record)
        content = json.dumps(record).encode()
    else:
        content = mutated(rng, content)
    arguments, parts = rng.choice(
        [(SWEEP, ("store",)), (CALIBRATE, ("checkpoints", "store")), (EVALUATE, ("checkpoints", "store"))]
    )
    return BadInput("store", arguments, parts, {str(file.relative_to(root)): content})


def bad_sweep(rng: random.Random, root: Path) -> BadInput:
    """Return a command that reads a damaged sweep, or a table of times."""
    (sweep,) = (root / "outputs" / "sweeps" / "t").iterdir()
    name = rng.choice(["rules.jsonl", "rules.jsonl", "table.csv", "sweep.json", "fronts.csv"])
    content = (sweep / name).read_bytes()
    if name == "rules.jsonl" and rng.random() < 0.7:
        lines = content.splitlines()
        place = rng.randrange(len(lines))
        lines[place] = json.dumps(mutated_json(rng, lines[place])).encode()
        content = b"\n".join(lines)
    elif name == "sweep.json" and rng.random() < 0.6:
        content = json.dumps(mutated_json(rng, content)).encode()
    else:
        content = mutated(rng, content)
    files = {str((sweep / name).relative_to(root)): content}
    common = ("figure", "sweeps=t", "figure.panels=[cov@5]")
    arguments, parts = rng.choice(
        [(common, ()), (SWEEP, ("store",)),
         (("latency", "sweeps=t", "images=4", "batch=2", "rounds=1", "warmup=0", "record=false", "settings.tasks=cov@5"), ("store",)),
         ((*CALIBRATE[:-3], "task=cov@5", "setting.sweep=t", "setting.scale=s1", "setting.width=0.2", "name=c2"), ("checkpoints", "store"))]
    )  # fmt: skip
    if rng.random() < 0.3:
        times = rng.choice([b"", b"a,b\n1,2\n", rng.randbytes(100), b"\xff\xfe", b"\n\n", content, b"x" * 10000])
        files |= {"times.csv": times}
        arguments, parts = ("figure", "figure=latency", "sweeps=t", "figure.times=times.csv"), ()
    return BadInput("sweeps and times", arguments, (*parts, "sweeps"), files)


def keys_of(config: str) -> list[str]:
    """Return every key of a config that `--cfg job` shows, inner ones included."""
    found: list[str] = []

    def walk(value: Any, prefix: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                found.append(f"{prefix}{key}")
                walk(inner, f"{prefix}{key}.")

    walk(yaml.safe_load(config), "")
    return found


__all__ = ["CANARY", "OOD", "BadInput"]
