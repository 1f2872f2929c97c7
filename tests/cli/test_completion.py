"""The shell completes what an option takes, quickly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import timm
from typer.main import get_command
from typer.testing import CliRunner

from afdcli.cli.completion import backbones
from afdcli.cli.help import long_name
from afdcli.cli.main import app

COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
CHOICES = [
    (command, long_name(option), [w for w in option.metavar.split("|") if re.match("[a-z0-9]", w)])
    for command in COMMANDS
    for option in COMMANDS[command].params
    if option.param_type_name == "option" and re.search(r"(^|\|)[a-z0-9]", option.metavar or "")
]


def completed(*words: str) -> list[str]:
    """What bash offers for the last of *words*."""
    line = " ".join(("afd", *words))
    env = {"_AFD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    result = CliRunner().invoke(app, env=env, prog_name="afd")
    assert result.exit_code == 0, result.output
    return result.stdout.split()


@pytest.mark.parametrize(("command", "option", "words"), CHOICES)
def test_choices(command: str, option: str, words: list[str]) -> None:
    assert completed(command, option, "") == words
    assert words[0] in completed(command, option, words[0][:1])
    assert completed(command, option, "no such word") == []


def test_these_options_have_choices() -> None:
    found = {(command, option) for command, option, _ in CHOICES}
    assert found >= {
        *(("classify", "--precision"), ("classify", "--device"), ("classify", "--afd")),
        *(("classify", "--labels"), ("train", "--preset"), ("degrade", "--codec")),
        *(("report", "--format"), ("fuse", "--format"), ("classify", "--runtime")),
    }


def test_classifiers_are_those_of_timm() -> None:
    entries = {name: timm.models.model_entrypoint(name) for name in timm.list_models()}
    names = sorted(n for n, entry in entries.items() if entry.__module__.startswith("timm."))
    resnets = [name for name in names if name.startswith("resnet50")]
    assert completed("classify", "--backbone", "resnet50") == resnets
    assert backbones("") == names  # other tests register models of their own
    for command, *words in (("train", "--backbone"), ("fuse", "--backbone"), ("models",)):
        assert "resnet50" in completed(command, *words, "resnet5")


def test_tags_of_classifiers() -> None:
    tagged = backbones("resnet50.")
    assert set(timm.list_pretrained("resnet50.*")) <= set(tagged)
    assert completed("classify", "--backbone", "resnet50.a1_") == ["resnet50.a1_in1k"]


def test_commands_and_options() -> None:
    assert completed("") == list(COMMANDS)
    assert completed("config", "cl") == ["classify"]
    assert completed("classify", "--batch") == ["--batch-size"]


def test_a_broken_configuration_does_not_stop_completion(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "afd.toml").write_text("[classify")
    monkeypatch.setenv("AFD_TRAIN_NONSENSE", "1")
    assert completed("train", "--preset", "p") == ["paper"]
