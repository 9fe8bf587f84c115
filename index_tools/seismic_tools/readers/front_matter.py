"""Front matter of Markdown files: the simple forms of YAML, and TOML."""

import datetime
import re
import tomllib
from typing import Any

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


def parse_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Return the values of a text's front matter, and the rest.

    YAML may have scalars, and lists of them in either form. Front matter of any other form is part of the text.
    """
    found = re.match(r"(---|\+\+\+)[ \t]*\n(|.*?\n)\1[ \t]*(?:\n|$)", text, re.DOTALL)
    if not found:
        return {}, text
    try:
        values = _yaml(found[2]) if found[1] == "---" else _toml(found[2])
    except ValueError:  # TOMLDecodeError is one
        return {}, text
    return values, text[found.end() :]


def _toml(text: str) -> dict[str, Any]:
    values = tomllib.loads(text)
    moments = (datetime.date, datetime.time)
    return {name: str(value) if isinstance(value, moments) else value for name, value in values.items()}


def _yaml(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    name = ""
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if item := re.fullmatch(r"\s*- +(.*)", line):
            if not isinstance(values.get(name), list):
                raise ValueError(line)
            values[name].append(_scalar(item[1]))
        elif pair := re.fullmatch(r"([\w][\w .-]*?):(?:[ \t]+(.*))?", line):
            name, value = pair[1], (pair[2] or "").strip()
            values[name] = _value(value)
        else:
            raise ValueError(line)
    return {name: None if value == [] else value for name, value in values.items()}


def _value(text: str) -> Any:
    if not text:
        return []  # items follow, or nothing
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(item) for item in re.split(r",\s*", text[1:-1]) if item.strip()]
    if text[0] in "{|>&*!%@`":
        raise ValueError(text)
    return _scalar(text)


def _scalar(text: str) -> Any:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    text = text.partition(" #")[0].rstrip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in ("null", "~", ""):
        return None
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text) if len(text) < 19 else text
    return text
