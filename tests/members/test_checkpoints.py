"""Checkpoints: whole or absent, never pickled, never silently other than they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from wee.errors import WeeError
from wee.members import checkpoints


def network(out: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, out))


def load(folder: Path, into: nn.Module) -> str:
    state, found = checkpoints.read(folder)
    checkpoints.load(state, into, folder)
    return found


def test_weights_come_back(tmp_path: Path) -> None:
    kept = checkpoints.save(tmp_path / "m", network(), {"name": "m"})
    other = network()
    nn.init.zeros_(other[0].weight)  # type: ignore[index, arg-type]
    assert load(tmp_path / "m", other) == kept["fingerprint"]
    for name, tensor in network().state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    assert {path.name for path in (tmp_path / "m").iterdir()} == {"weights.safetensors", "member.json"}


def test_a_member_is_never_overwritten(tmp_path: Path) -> None:
    first = checkpoints.save(tmp_path / "m", network(), {})
    torch.manual_seed(1)
    checkpoints.save(tmp_path / "m", nn.Linear(2, 2), {})
    assert checkpoints.about(tmp_path / "m") == first


def test_fingerprints_tell_weights_apart() -> None:
    state = network().state_dict()
    print_ = checkpoints.fingerprint(state)
    assert print_ == checkpoints.fingerprint(dict(reversed(state.items())))
    changed = {name: tensor.clone() for name, tensor in state.items()}
    changed["0.weight"].view(-1)[0] += 1e-7
    assert print_ != checkpoints.fingerprint(changed)
    assert print_ != checkpoints.fingerprint({name.replace("0", "9"): tensor for name, tensor in state.items()})


def test_changed_weights_are_told_and_are_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = checkpoints.save(tmp_path / "m", network(), {})
    path = tmp_path / "m" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert load(tmp_path / "m", network()) != kept["fingerprint"]
    assert "has changed since it was written" in caplog.text
    path.write_bytes(b"no safetensors")
    with pytest.raises(WeeError, match="cannot be read"):
        load(tmp_path / "m", network())
    (tmp_path / "m" / "member.json").write_text("{")
    with pytest.raises(WeeError, match=r"member\.json is damaged"):
        checkpoints.about(tmp_path / "m")


def test_another_architecture_is_named_by_its_keys(tmp_path: Path) -> None:
    checkpoints.save(tmp_path / "m", network(), {})
    with pytest.raises(WeeError, match=r"of another shape: 3\.bias, 3\.weight"):
        load(tmp_path / "m", network(out=5))
    with pytest.raises(WeeError, match=r"missing: weight; not wanted: 0\.bias"):
        load(tmp_path / "m", nn.Linear(2, 2, bias=False))


def test_counted_batches_may_be_missing_and_nothing_else() -> None:
    """Old checkpoints do not have them, and inference does not use them."""
    torch.manual_seed(1)
    state = {name: torch.rand_like(tensor) for name, tensor in network().state_dict().items() if "num_" not in name}
    assert len(state) == len(network().state_dict()) - 1
    other = network()
    other[1].num_batches_tracked.fill_(7)  # type: ignore[index, union-attr, operator]
    print_ = checkpoints.fingerprint(state)
    checkpoints.load(state, other, "old.safetensors")
    found = other.state_dict()
    assert int(found.pop("1.num_batches_tracked")) == 7
    assert checkpoints.fingerprint(found) == checkpoints.fingerprint(state) == print_
    del state["1.running_mean"]
    with pytest.raises(WeeError, match=r"\(missing: 1\.running_mean\)"):
        checkpoints.load(state, network(), "old.safetensors")


def test_an_absent_member_is_absent(tmp_path: Path) -> None:
    assert checkpoints.about(tmp_path / "m") is None
    with pytest.raises(WeeError, match="there is no member in"):
        load(tmp_path / "m", network())
