"""Command-line options derived from the settings, so that names, types and help agree."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo

from seismic_server.settings import Settings

_KINDS = (int, float, bool, Path)


def with_settings(command: Callable[[dict[str, Any]], None]) -> Callable[..., None]:
    """Turn a command over a dictionary of settings into one with an option per setting; `directory` is positional.

    Options that are not given are None, so that variables and the file apply.
    """

    @functools.wraps(command)
    def expanded(**given: Any) -> None:
        command(given)

    parameters = [_parameter(name, field) for name, field in Settings.model_fields.items()]
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return expanded


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    if name == "directory":
        option: Any = typer.Argument(metavar="DIR", help=describe(field), show_default=False)
    else:
        option = typer.Option(f"--{name.replace('_', '-')}", help=describe(field), show_default=False)
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[_plain(field) | None, option])


def describe(field: FieldInfo) -> str:
    """Return the help text of a setting: its description and default."""
    without = field.is_required() or field.default in (None, "", [])
    return f"{field.description}" + ("" if without else f" (default: {field.default})")


def _plain(field: FieldInfo) -> Any:
    """Return the type that typer parses; the settings validate the rest."""
    parts = {field.annotation, *get_args(field.annotation)}
    return next((kind for kind in _KINDS if kind in parts), str)
