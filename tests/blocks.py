"""Every code block of the documentation and what checks it: `python -m tests.blocks` prints the list.

Blocks of `sh` and `python` are run, and the `text` or `json` behind them is compared with what they print. What cannot
run here (installing packages, other machines) is a `console` block: its options, extras, modules and files must exist.
"""

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import typer

from seismic_tools.cli import app
from tests.reader import ROOT

RUN_BY = {"README.md": "tests/test_readme.py", "CONTRIBUTING.md": "the targets of the Makefile, which CI runs"}
DRAWING = "drawn by the site and by code hosts"

ELSEWHERE = {
    "apt-get": "Debian packages",
    "cat": "a shell",
    "curl": "a service that is not there",
    "docker": "tests/docker/test_docker.py builds and runs the image where Docker is",
    "install": "systemd's folders; the files are validated by tests/docker",
    "kubectl": "a cluster; the manifests are validated by tests/docker/test_kubernetes.py",
    "nginx": "tests/docker/test_nginx.py runs it",
    "python3": "an environment in /opt",
    "ray": "a cluster of machines",
    "ssh": "another machine",
    "systemctl": "systemd; the units are validated by tests/docker/test_units.py",
    "useradd": "a user of the system",
    "uv": "tests/integrations/package installs the wheel",
    "uvx": "tests/integrations/package installs the wheel",
}
"""Programs of console blocks whose arguments nothing checks, and what they need."""

HANDED_OVER = {"serve": "seismic_server.process.serve", "keys": "seismic_server.process.keys.commands"}
"""Verbs whose options the service parses."""

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```|^#", re.MULTILINE | re.DOTALL
)
_EXTRAS = re.compile(r"seismic-search\[([\w,-]+)\]")


class UncheckedError(Exception):
    """Nothing checks a block; the message says why."""


class Found(NamedTuple):
    """A code block of a page: its line, language and text, and the language of the block that it follows."""

    page: Path
    line: int
    language: str
    text: str
    follows: str | None
    indented: bool = False

    @property
    def place(self) -> str:
        """Where it is, as editors want it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def find(page: Path) -> Iterator[Found]:
    """Yield the code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    last: str | None = None
    for match in _FENCE.finditer(text):
        language = match["language"]
        if language is None:  # a heading: what comes next is no output of what came before
            last = None
            continue
        yield Found(page, text.count("\n", 0, match.start()) + 1, language, match["text"], last, bool(match["indent"]))
        last = last if language in ("text", "json") and last else language


def check(block: Found) -> str:
    """Return what checks a block; UncheckedError if nothing does."""
    name = block.page.relative_to(ROOT).as_posix()
    match block.language:
        case "sh" | "python" if block.indented:
            raise UncheckedError("tests/reader.py runs no indented blocks")
        case "sh" | "python":
            if name.startswith("docs/"):
                return "run by tests/test_docs.py"
            if name in RUN_BY:
                return f"run by {RUN_BY[name]}"
            raise UncheckedError(f"no test runs the commands of {name}")
        case "text" | "json" if block.follows in ("sh", "python", "py"):
            return "compared with what is printed"
        case "text" | "json" if block.follows == "console":
            return "shows the output of a console block"
        case "json":
            json.loads(block.text)
            return "parsed"
        case "text" if name == "ARCHITECTURE.md":
            return "a drawing; tests/test_docs.py checks the paths that pages name"
        case "py":
            return f"run by {_integration(name)}"
        case "mermaid":
            return DRAWING
        case "ini":
            configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)
            return "parsed"
        case "console":
            return _console(block.text)
    raise UncheckedError(f"nothing checks blocks of the language {block.language!r} here")


def _integration(page: str) -> str:
    """Return the integration test that names a page."""
    for test in sorted((ROOT / "tests/integrations").glob("*/test_*.py")):
        if Path(page).name in test.read_text(encoding="utf-8"):
            return f"make integrations ARGS={test.parent.name}"
    raise UncheckedError(f"no test of tests/integrations names {page}; `python` blocks run in every test run")


def _console(text: str) -> str:
    """Check the commands of a console block, which start with `$`; other lines are output."""
    commands = [line[2:] for line in text.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    if not commands:
        raise UncheckedError("a console block without a command: `$ ...`")
    checked = [_command(words) for command in commands for words in _simple(command)]
    return "; ".join(dict.fromkeys(checked))


def _simple(command: str) -> Iterator[list[str]]:
    """Yield the words of the simple commands in a command line, without `sudo` and variables."""
    for part in re.split(r" (?:&&|\|\|?|;) ", command):
        words = shlex.split(re.sub(r"\$\([^)]*\)", "$value", part), comments=True)
        if words[:1] == ["sudo"]:
            words = words[3:] if words[1:2] == ["-u"] else words[1:]
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words:
            yield words


def _command(words: list[str]) -> str:
    program, arguments = Path(words[0]).name, words[1:]
    if program in ("seismic", "seismic-search"):
        _parse(arguments)
        return "options parsed"
    if program == "pip" or "install" in arguments[:3]:
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        if missing := {one for extras in _EXTRAS.findall(" ".join(words)) for one in extras.split(",")} - set(known):
            raise UncheckedError(f"there is no extra {', '.join(missing)}")
        return "extras exist; tests/integrations/package installs the wheel"
    if program in ("python", "python3") and arguments[:1] == ["-m"] and not arguments[1].startswith("venv"):
        if find_spec(arguments[1]) is None:
            raise UncheckedError(f"there is no module {arguments[1]}")
        return "module exists"
    if program in ELSEWHERE:
        return f"not run: {program} needs {ELSEWHERE[program]}"
    raise UncheckedError(
        f"nothing checks {program!r}; make it an `sh` block, or say why it cannot run in tests/blocks.py"
    )


def _parse(arguments: list[str]) -> None:
    """Parse the arguments of `seismic` without running it."""
    group = typer.main.get_command(app)
    context = group.make_context("seismic", list(arguments), resilient_parsing=True)
    names, command, rest = arguments, group, arguments
    if arguments[0] in HANDED_OVER:
        command, rest = typer.main.get_command(import_module(HANDED_OVER[arguments[0]]).cli), arguments[1:]
    while hasattr(command, "resolve_command"):
        _, command, rest = command.resolve_command(context, rest)
        if command is None:
            raise UncheckedError(f"there is no command seismic {' '.join(names)}")
    rest = ["value" if word.startswith("$") else word for word in rest if word not in ("<", ">", "&")]
    try:
        command.make_parser(type(context)(command)).parse_args(rest)
    except Exception as error:
        raise UncheckedError(f"seismic {' '.join(names)}: {error}") from error


def main() -> None:
    """Print where every block is, its language, and what checks it."""
    for page in pages():
        for block in find(page):
            print(f"{block.place:44} {block.language:8} {check(block)}")


if __name__ == "__main__":
    main()
