import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import orjson
import pytest

import seismic
from seismic import BuildParams, SearchParams
from seismic_tools.cli import VERBS
from tests.conftest import DATA
from tests.index_tools.conftest import Run, names, shell


def test_from_files_to_hits(tmp_path: Path) -> None:
    out, options = tmp_path / "scifact", ("--vocabulary", DATA / "vocab.txt", "--shards", "2", "--seed", "7")
    built = shell("build", DATA / "documents.parquet", out, *options)
    assert built.returncode == 0, built.stderr
    assert built.stdout.startswith("documents 5,183, shards 2, size ")
    assert built.stdout.endswith(f": generation 000001 in {out / 'generations' / '000001'}\n")
    assert names(tmp_path) == ["scifact"]
    progress = [orjson.loads(line) for line in built.stderr.splitlines()]
    size = (DATA / "documents.parquet").stat().st_size
    assert [(line["done"], line["total"]) for line in progress if line["stage"] == "read"][-1] == (size, size)

    found = shell("search", out, "--tokens", '{"tumor": 2.0, "prostate": 1.5}', "-k", "3", "--plan", "exact", "--json")
    assert found.returncode == 0, found.stderr
    hits = [orjson.loads(line) for line in found.stdout.splitlines()]
    with seismic.open(out) as index:
        expected = index.search({"tokens": {"tumor": 2.0, "prostate": 1.5}}, 3, params=SearchParams(plan="exact"))
        assert index.manifest.build_params == BuildParams(seed=7)
        assert index.payloads([hit.number for hit in expected]) == [hit["payload"] for hit in hits]
    assert [(hit["rank"], hit["id"], hit["score"]) for hit in hits] == [
        (rank, hit.id, pytest.approx(hit.score)) for rank, hit in enumerate(expected, 1)
    ]
    assert found.stderr.startswith("plan exact, ")

    inspected = orjson.loads(shell("inspect", out, "--json").stdout)
    assert inspected["index"]["documents"] == 5183
    assert inspected["build"]["seed"] == 7


def test_errors_end_in_one_line_and_code_2(tmp_path: Path) -> None:
    result = shell("search", tmp_path / "nothing", "--tokens", "{}")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {tmp_path / 'nothing'}: ")
    assert result.stderr.count("\n") == 1


def test_unexpected_errors_keep_their_traceback(run: Run, planets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr(seismic, "build", fail)
    result = run("build", planets, planets.with_name("out"))
    assert isinstance(result.exception, ZeroDivisionError)
    assert names(planets.parent) == ["planets.jsonl"]


def test_help_does_not_load_the_engine() -> None:
    show = "import atexit, sys; atexit.register(lambda: print(*sys.modules))"
    code = f"{show}; from seismic_tools.cli import app; app(['--help'])"
    environment = {**os.environ, "TERMINAL_WIDTH": "200"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment)
    assert all(summary in result.stdout for summary in VERBS.values())
    loaded = result.stdout.splitlines()[-1].split()
    assert "typer" in loaded
    assert not {"seismic", "numba", "numpy", "pyarrow"}.intersection(loaded)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(run: Run, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    assert getattr(import_module(f"seismic_tools.commands.{verb}"), verb).__doc__.startswith(VERBS[verb])
    if verb in ("serve", "keys"):  # speak for themselves, below
        return
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert VERBS[verb] in result.stdout
    assert f"seismic {verb} " in result.stdout.partition("Examples:")[2]


def test_keys_are_handed_over() -> None:
    done = shell("keys", "--help")
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in ("create", "list", "revoke"))


@pytest.mark.parametrize(
    ("verb", "model"), [("build", BuildParams), ("search", SearchParams), ("evaluate", SearchParams)]
)
def test_every_parameter_is_an_option(
    run: Run, verb: str, model: type[BuildParams | SearchParams], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    text = run(verb, "--help").stdout
    for name in model.model_fields:
        assert f" --{name.replace('_', '-')} " in text


def test_serve_hands_over_to_the_service(tmp_path: Path) -> None:
    helped = shell("serve", "--help")
    assert helped.returncode == 0
    assert "--port" in helped.stdout
    refused = shell("serve", tmp_path / "nothing", "--port", "0")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: ")


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"seismic {seismic.__version__}\n"


def test_unknown_verb(run: Run) -> None:
    result = run("biuld")
    assert result.exit_code == 2
    assert "Did you mean 'build'?" in result.stderr


@pytest.mark.parametrize("command", [("serve", "."), ("inspect", ".")])
def test_a_form_that_is_none_ends_in_one_line(command: tuple[str, ...]) -> None:
    result = shell(*command, env={**os.environ, "SEISMIC_SIMD": "sse"})
    assert result.returncode == 2
    assert result.stderr.startswith("error: SEISMIC_SIMD is 'sse', expected auto, ")
    assert result.stderr.count("\n") == 1
