"""Every option comes from the command line, the environment, --config and afd.toml."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kit.classify import afd as classify
from kit.classify import jpeg
from kit.command import afd
from typer.main import get_command

from afdcli.cli.config_file import REFUSED, TYPED_ONLY, options_of
from afdcli.cli.configuration import variable
from afdcli.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]


def sample(option: Any, default: Any) -> Any:
    """A value for *option* that is not its default, as in TOML."""
    if option.is_flag:
        return not option.default
    if option.min is not None:
        value = max(option.min, 1) + (1 if isinstance(option.min, int) else 0.5)
        value = min(value, option.max)
        return value if value != default else option.max
    words = [word for word in (option.metavar or "").split("|") if word.islower() or ":" in word]
    value = words[-1] if words else "x"
    return [value] if option.multiple else value


def samples(command: str) -> dict[str, Any]:
    options = options_of(COMMANDS[command])
    now = in_force(command)
    return {
        name: sample(option, now[name]["value"])
        for name, option in options.items()
        if name not in (*TYPED_ONLY, "config", "debug")
    }


def in_force(command: str, *words: str | Path) -> dict[str, Any]:
    result = afd("config", command, "--json", *words)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)[command]
    return found


def toml(tables: dict[str, dict[str, Any]]) -> str:
    lines = []
    for table, keys in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def written(value: Any) -> str:
    """*value* as a variable holds it."""
    return value[0] if isinstance(value, list) else json.dumps(value).strip('"')


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_comes_from_every_source(
    here: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = samples(command)
    named = here / "named.toml"
    named.write_text(toml({command: wanted}))
    safe = {name: value for name, value in wanted.items() if name not in REFUSED}
    Path("afd.toml").write_text(toml({command: safe}))
    for words, origin, values in (
        ((), "afd.toml", safe),
        (("--config", named), f"--config {named}", wanted),
    ):
        found = in_force(command, *words)
        for name, value in values.items():
            assert found[name] == {"value": value, "from": origin}
    for name, value in wanted.items():
        monkeypatch.setenv(variable(command, name), written(value))
    found = in_force(command, "--config", named)
    for name, value in wanted.items():
        assert found[name] == {"value": value, "from": variable(command, name)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_config(command: str) -> None:
    assert {"config", "debug"} <= set(options_of(COMMANDS[command]))


def form(*words: str | Path) -> str:
    """The value of --format with which `afd fuse` runs; its complaint holds it."""
    result = afd("fuse", "m.safetensors", *words)
    assert result.exit_code == 2
    return str(result.stderr).split("--format ")[1].partition(":")[0]


def test_precedence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("afd.toml").write_text("[fuse]\nformat = 'here'\n")
    Path("named.toml").write_text("[fuse]\nformat = 'named'\n")
    assert form() == "here"
    assert form("--config", "named.toml") == "named"
    monkeypatch.setenv("AFD_FUSE_FORMAT", "variable")
    assert form("--config", "named.toml") == "variable"
    assert form("--format", "typed", "--config", "named.toml") == "typed"
    monkeypatch.delenv("AFD_FUSE_FORMAT")
    monkeypatch.setenv("AFD_FUSE_CONFIG", "named.toml")
    assert form() == "named"


def test_the_screen_says_what_the_working_folder_sets(here: Path) -> None:
    Path("afd.toml").write_text("[fuse]\nformat = 'x'\nquiet = true\n[classify]\ntopk = 2\n")
    line = "settings from afd.toml: format = x, quiet = true"
    assert afd("fuse", "m").stderr.splitlines()[0] == line  # the file cannot silence it
    for words in (("-q",), ("--format", "y", "--no-quiet"), ("--config", "afd.toml")):
        assert "settings" not in afd("fuse", "m", *words).stderr


def test_debug_shows_the_traceback_from_a_file_too(here: Path) -> None:
    Path("afd.toml").write_text("[fuse]\ndebug = true\nformat = 'x'\n")
    assert "Traceback" in afd("fuse", "m").stderr
    assert "Traceback" not in afd("fuse", "m", "--no-debug").stderr  # all flags have a --no- form


def refused(text: str | bytes, *words: str, command: str = "models") -> str:
    """The line with which afd refuses an afd.toml that holds *text*."""
    Path("afd.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    result = afd(*(words or (command,)))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("afd: ")
    return str(result.stderr)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[models]\nlimt = 1", "afd.toml: [models] limt: no such option of afd models; did you"),
        ("[modells]\nlimit = 1", "afd.toml: [modells] is not a command; did you mean models?"),
        ("limit = 1", "afd.toml: limit must stand under a command, such as [classify]"),
        ("[models]\nlimit = 'many'", "[models] limit must be a whole number, not 'many'"),
        ("[models]\nlimit = true", "[models] limit must be a whole number, not True"),
        ("[models]\nlimit = [1]", "[models] limit must be a whole number, not [1]"),
        ("[models]\nlimit = 0", "afd.toml: [models] limit: Input should be greater than"),
        ("[models]\nquiet = 1", "[models] quiet must be true or false, not 1"),
        ("[train]\nlr = 'x'", "[train] lr must be a number, not 'x'"),
        ("[degrade]\nqf = 10", "[degrade] qf must be text in quotes, not 10"),
        ("[classify]\nexclude = [1]", "[classify] exclude must be text in quotes, or a list of"),
        ("[models]\nconfig = 'x'", "[models] config: no such option"),
        ("[models]\nhelp = true", "[models] help: no such option"),
        ("[models", "afd.toml is not valid TOML: "),
        (b"\xff", "afd.toml is not valid TOML: "),
        ("a = " + "[" * 100_000, "afd.toml is not valid TOML: "),
        ("#" * (2**20 + 1), "afd.toml: larger than 1 MiB"),
    ],
)
def test_mistakes_in_a_file_are_one_line(here: Path, text: str | bytes, message: str) -> None:
    assert message in refused(text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AFD_MODELS_LIMIT", "many", "AFD_MODELS_LIMIT: Input should be a valid integer"),
        ("AFD_MODELS_LIMITS", "1", "AFD_MODELS_LIMITS: afd models has no such option; did you"),
        ("AFD_CLASSIFY_IMPORT", "x.py", "--import runs code; type it on the command line"),
    ],
)
def test_mistakes_in_variables_are_one_line(
    here: Path, name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    command = name.split("_")[1].lower()
    result = afd(command, *(["x"] if command == "classify" else []))
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_mistake_that_shows_later_names_its_file(here: Path) -> None:
    Path("afd.toml").write_text("[fuse]\nformat = 'x'\n")
    result = afd("fuse", "m.safetensors")
    assert result.exit_code == 2
    assert result.stderr.endswith("; it was set by afd.toml\n")


@pytest.mark.parametrize(
    "line",
    [
        *("import = ['evil.py']", "import = 'evil'", "engine = 'ray'", "engine = 'local'"),
        *("out = '../x.csv'", "out = '/tmp/x.csv'", "out = '~/x.csv'", "out = 's3://b/x.csv'"),
        *("out = 'file:///tmp/x.csv'", "out = 'elsewhere/x.csv'", "out = 'link.csv'"),
        *("out = 'a/../../x.csv'", "out = 'loop'", "out = '\\u0000'", "exclude = ['a', '/b']"),
        *("backbone = 'hf-hub:owner/name'", "backbone = 'local-dir:evil'"),
        *("checkpoint = '/tmp/w.pt'", "afd = '../m.safetensors'", "labels = '/etc/passwd'"),
    ],
)
def test_a_folder_of_photos_runs_no_code_and_leads_nowhere(here: Path, line: str) -> None:
    line = line.replace("'\\u0000'", '"\\u0000"')
    folder = here / "photos"
    folder.mkdir()
    os.chdir(folder)
    (folder / "evil.py").write_text("raise SystemExit('the code ran')")
    (folder / "elsewhere").symlink_to(here)
    (folder / "link.csv").symlink_to(here / "important.csv")
    (folder / "loop").symlink_to("loop")
    key = line.split()[0]
    shown = refused(f"[classify]\n{line}\n", "classify", ".")
    assert f"afd.toml: [classify] {key}" in shown
    assert f"--{key}" in shown  # what to type instead
    assert "the code ran" not in shown


def test_other_files_run_no_code_move_nothing_and_lead_nowhere(here: Path) -> None:
    assert "runs the --import files" in refused("[report]\nmaps = true\n", "report")
    assert "moves the files" in refused("[sort]\nundo = 'moves.jsonl'\n", "sort")
    assert "leads out" in refused("[train]\nbackbone = ['net=/tmp/w.pt']\n", "train")
    assert set(REFUSED) | set(TYPED_ONLY) <= {o for c in COMMANDS.values() for o in options_of(c)}


def test_a_file_that_is_named_may_lead_elsewhere(here: Path) -> None:
    text = "[report]\nmaps = true\n[classify]\nout = '/tmp/x.csv'\nengine = 'ray'\n"
    Path("afd.toml").write_text(text)
    assert in_force("classify", "--config", "afd.toml")["out"]["value"] == "/tmp/x.csv"
    assert in_force("report", "--config", "afd.toml")["maps"]["value"] is True
    Path("afd.toml").write_text("[classify]\nimport = ['x.py']\n")
    result = afd("classify", ".", "--config", "afd.toml")
    assert "--import runs code; type it" in result.stderr


def test_no_file_is_no_error_and_a_named_one_must_exist(here: Path) -> None:
    Path("afd.toml").mkdir()
    assert form("--format", "x") == "x"
    result = afd("models", "--config", "gone.toml")
    assert result.exit_code == 2
    assert result.stderr == "afd: --config gone.toml: no such file\n"


def test_config_shows_what_is_set(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nothing is set" in afd("config").stdout
    Path("afd.toml").write_text("[classify]\nbatch_size = 4\nexclude = ['a', 'b']\n")
    monkeypatch.setenv("AFD_TRAIN_LR", "0.001")
    screen = " ".join(afd("config", columns=80).stdout.split())
    assert "│ exclude │ a, b │ afd.toml │" in screen
    assert "│ batch-size │ 4 │ afd.toml │" in screen
    assert "│ lr │ 0.001 │ AFD_TRAIN_LR │" in screen
    assert "topk" not in screen
    assert "│ topk │ 1 │ default │" in " ".join(afd("config", "classify").stdout.split())
    result = afd("config", "clasify")
    assert result.exit_code == 2
    assert "afd has no command 'clasify'" in result.stderr


def test_the_guide_shows_a_real_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "examples" / "guides" / "configuration.md").read_text()
    Path("afd.toml").write_text(guide.split("```text\n")[1].split("```")[0])
    monkeypatch.setenv("AFD_CLASSIFY_ICC", "no")
    shown = guide.split("$ afd config\n")[1].split("```")[0]
    result = afd("config", columns=80)
    assert [line.rstrip() for line in result.stdout.splitlines()] == shown.splitlines()


def test_metadata_say_what_was_in_force(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("afd.toml").write_text("[classify]\ntopk = 2\nstrict = true\n")
    monkeypatch.setenv("AFD_CLASSIFY_ICC", "no")
    classify(kit, photos / "red")
    facts = json.loads(Path("results.csv.meta.json").read_text())
    assert facts["options"]["topk"] == 2
    origins = facts["options_from"]
    assert origins["topk"] == origins["strict"] == "afd.toml"
    assert origins["icc"] == "AFD_CLASSIFY_ICC"
    assert origins["backbone"] == "command line"
    assert "device" not in origins  # has its default
    assert "sources" not in facts["options"]
    assert "--no-icc --topk 2 --strict" in facts["command"]


def test_modules_in_a_folder_of_photos_are_not_imported(here: Path) -> None:
    """By no process: Python's own for workers look in the current folder first."""
    if sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no PYTHONSAFEPATH")
    (here / "photo.jpg").write_bytes(jpeg(1))
    for name in ("multiprocessing", "selectors", "tomllib"):
        (here / f"{name}.py").write_text("import os\nos.write(2, b'the code ran')\n")
    script = "import sys; sys.path.remove(''); from afdcli.__main__ import main; main()"
    words = ("degrade", ".", "--qf", "10", "--out", "out", "--workers", "1")
    run = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert "the code ran" not in run.stderr
