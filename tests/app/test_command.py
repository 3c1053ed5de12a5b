"""What commands have in common."""

from __future__ import annotations

import pytest

import wee.app.command
from wee.app.command import with_folders


@pytest.mark.parametrize(
    ("given", "text", "expected"),
    [
        ([], "wee store verify paths.store=a", "wee store verify paths.store=a"),
        (["scale=s1"], "wee store verify", "wee store verify"),
        (["scale=s1", "paths.store=b"], "wee store verify", "wee store verify paths.store=b"),
        (["paths.store=b"], "wee evaluate scale=s1", "wee evaluate scale=s1 paths.store=b"),
        (["paths.store=a b"], "wee evaluate 'member=[0,1]'", "wee evaluate 'member=[0,1]' 'paths.store=a b'"),
        (["paths.store=b"], "wee evaluate paths.outputs=a name=x", "wee evaluate name=x paths.store=b"),
        (["paths.outputs=b"], "wee evaluate 'paths.store=a a' name=x", "wee evaluate name=x paths.outputs=b"),
        (["paths.data=b"], "wee evaluate paths.store=a", "wee evaluate paths.store=a paths.data=b"),
        (["paths.store=b"], "wee data check dataset=x", "wee data check dataset=x paths.store=b"),
        (["paths.store=b"], "wee store rm digits/tiny apply=true", "wee store rm digits/tiny apply=true paths.store=b"),
        (["paths.store=b"], "pip install 'wee[cluster]'", "pip install 'wee[cluster]'"),
    ],
)  # fmt: skip
def test_recommended_commands_use_the_folders_of_the_job(
    monkeypatch: pytest.MonkeyPatch, given: list[str], text: str, expected: str
) -> None:
    monkeypatch.setattr(wee.app.command, "overrides", lambda: given)
    assert with_folders(text) == expected
