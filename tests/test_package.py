"""What `import seismic` loads, what the extras are, and what happens beside another package called `seismic`."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import seismic
from seismic import extras
from seismic.clash import OTHERS
from tests.reader import ROOT

PACKAGES = [ROOT, ROOT / "server", ROOT / "index_tools"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*arguments: str | Path, path: list[Path] = PACKAGES) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run([sys.executable, "-P", *arguments], env=environ, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("module", ["seismic", "seismic.client"])
def test_what_is_imported_without_the_engine(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'numba', 'numpy', 'pyarrow', 'scipy'}} & set(sys.modules)))"
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("[]", "['numpy']")


def test_every_public_name_is_found_where_type_checkers_see_it() -> None:
    source = ast.parse((ROOT / "seismic" / "__init__.py").read_text())
    [block] = [node for node in source.body if isinstance(node, ast.If)]
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {*seen, "__version__"} == set(seismic.__all__) == set(dir(seismic))
    for name, (module, original) in seen.items():
        assert getattr(seismic, name) is getattr(sys.modules[str(module)], original)
    with pytest.raises(AttributeError, match="module 'seismic' has no attribute 'find'"):
        seismic.find  # type: ignore[attr-defined] # noqa: B018


def test_extras_bring_what_the_hints_say() -> None:
    declared = {
        extra: {Requirement(line).name.lower().replace("-", "_") for line in lines}
        for extra, lines in PROJECT["optional-dependencies"].items()
        if extra not in ("all", "dev", "docs")
    }
    renamed = {
        "Stemmer": "pystemmer",
        "haystack": "haystack_ai",
        "llama_index": "llama_index_core",
        "opentelemetry": "opentelemetry_sdk",
    }
    hinted = {extra: {renamed.get(name, name) for name in modules} for extra, modules in extras.EXTRAS.items()}
    assert declared.keys() == hinted.keys()
    for extra, modules in hinted.items():
        assert modules <= declared[extra] <= modules | {"opentelemetry_exporter_otlp_proto_http"}
    [everything] = PROJECT["optional-dependencies"]["all"]
    modules = {path.stem for path in (ROOT / "seismic" / "integrations").iterdir()}
    assert Requirement(everything).extras == declared.keys() - modules  # other people's libraries


@pytest.fixture
def without(tmp_path: Path) -> list[Path]:
    """A path on which the optional packages look as if they were not installed."""
    names = {name for names in extras.EXTRAS.values() for name in names}
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        f"NAMES = {sorted(names)}\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in NAMES:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    return [tmp_path, *PACKAGES]


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["serve", "."], "server"),
        (["keys", "list", "--file", "keys.json"], "server"),
        (["evaluate", "missing", "--queries", "missing"], "evaluate"),
        (["bench", "missing"], "evaluate"),
    ],
)
def test_verbs_name_the_extra_that_they_need(without: list[Path], arguments: list[str], extra: str) -> None:
    done = run("-m", "seismic_tools.cli", *arguments, path=without)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("error: this needs the package ")
    assert f"pip install 'seismic-search[{extra}]'" in line


def test_modules_for_other_libraries_name_their_extra(without: list[Path]) -> None:
    modules = "haystack", "langchain", "llamaindex", "mcp", "pyterrier"
    code = f"""
from importlib import import_module
from seismic_tools.terminal.errors import errors_in_one_line
for module in {modules}:
    try:
        with errors_in_one_line():
            import_module("seismic.integrations." + module)
    except SystemExit:
        pass
"""
    lines = run("-c", code, path=without).stderr.splitlines()
    assert len(lines) == len(modules)
    for module, line in zip(modules, lines, strict=True):
        assert line.startswith("error: this needs the package ")
        assert line.count(f"pip install 'seismic-search[{module}]'") == 1


def test_everything_else_works_without_extras(without: list[Path], tmp_path: Path) -> None:
    lines = '{"id": "a", "indices": [1, 5], "values": [1.0, 0.5]}\n{"id": "b", "indices": [5], "values": [2.0]}\n'
    (tmp_path / "some.jsonl").write_text(lines)
    cli = "-m", "seismic_tools.cli"
    for arguments in (
        ("build", tmp_path / "some.jsonl", tmp_path / "out", "--dimension", "10"),
        ("convert", tmp_path / "some.jsonl", tmp_path / "some.parquet"),
        ("verify", tmp_path / "out"),
        ("inspect", tmp_path / "out"),
    ):
        done = run(*cli, *arguments, path=without)
        assert done.returncode == 0, done.stderr
    done = run("-c", "import seismic.client", path=without)
    assert "pip install 'seismic-search[client]'" in done.stderr.splitlines()[-1]


# ---- other packages called seismic --------------------------------------------------------------------------------


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import seismic"],
        ["-c", "from seismic.client import Client"],
        ["-m", "seismic_tools.cli", "list", "."],
        ["-m", "seismic_server", "."],
    ],
    ids=" ".join,
)
def test_another_distribution_is_named(tmp_path: Path, other: str, arguments: list[str]) -> None:
    info = tmp_path / f"{other.replace('-', '_')}-0.5.4.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {other}\nVersion: 0.5.4\n")
    done = run(*arguments, path=[*PACKAGES, tmp_path])
    assert done.returncode in (1, 2)
    last = done.stderr.splitlines()[-1]
    assert f"found {other} 0.5.4 beside seismic-search; both install a package called seismic" in last
    assert f"`pip uninstall {other} seismic-search`" in last
    if arguments[0] == "-m":
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("foreign", ["", "VERSION = 1\n"])
@pytest.mark.parametrize("module", ["seismic_tools.cli", "seismic_server"])
def test_a_package_without_its_init_is_named(tmp_path: Path, module: str, foreign: str) -> None:
    """The state after pip installed another package over this one."""
    (tmp_path / "seismic").mkdir()
    for entry in (ROOT / "seismic").iterdir():
        if entry.name != "__init__.py":
            (tmp_path / "seismic" / entry.name).symlink_to(entry)
    (tmp_path / "seismic" / "__init__.py").write_text(foreign)
    done = run("-m", module, "list", path=[tmp_path, ROOT / "server", ROOT / "index_tools"])
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "found the package seismic without its __init__.py" in line
    assert "pip install --force-reinstall --no-deps seismic-search" in line
