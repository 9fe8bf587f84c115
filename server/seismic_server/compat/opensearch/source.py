"""The part of documents that an answer shows: `_source`, with fields to include and to exclude."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic_server.compat.opensearch.errors import RefusedError

MOST_PATTERNS = 256


class Source(NamedTuple):
    """What to show of documents: nothing, or the fields that match `includes` (None: all) and not `excludes`."""

    shown: bool = True
    includes: re.Pattern[str] | None = None
    excludes: re.Pattern[str] | None = None

    def shows(self, name: str) -> bool:
        """Return whether a field at the top, or a part of it, may be shown."""
        if not self.shown or (self.excludes and self.excludes.fullmatch(name)):
            return False
        return self.includes is None or bool(self.includes.fullmatch(name) or "." in self.includes.pattern)

    def of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what to show of a document."""
        if self.includes is None and self.excludes is None:
            return dict(document)
        return self._object("", document, self.includes is None)

    def _object(self, prefix: str, content: Mapping[str, Any], included: bool) -> dict[str, Any]:
        shown = {}
        for name, value in content.items():
            path = f"{prefix}{name}"
            if self.excludes and self.excludes.fullmatch(path):
                continue
            inside = included or bool(self.includes and self.includes.fullmatch(path))
            if inside and self.excludes is None:
                shown[name] = value
                continue
            part = self._part(path, value, inside)
            if part is not None or (inside and value is None):
                shown[name] = part
        return shown

    def _part(self, path: str, value: Any, included: bool) -> Any:
        """Return what to show of a value; None for nothing."""
        if isinstance(value, dict):
            found = self._object(f"{path}.", value, included)
            return found if found or included else None
        if isinstance(value, list) and any(isinstance(one, dict) for one in value):
            parts = [self._part(path, one, included) for one in value]
            found_parts = [part for part in parts if part is not None]
            return found_parts if found_parts or included else None
        return value if included else None


EVERYTHING = Source()


def parse_source(wanted: Any, includes: Any = None, excludes: Any = None) -> Source:
    """Return what to show. `wanted`: the field `_source`; the others, if given, are those of the query string.

    Raises RefusedError.
    """
    if isinstance(wanted, dict):
        known = {"includes", "include", "excludes", "exclude"}
        if unknown := [name for name in wanted if name not in known]:
            raise RefusedError(f"_source: field '{unknown[0]}' is unknown, expected includes and excludes")
        includes = wanted.get("includes", wanted.get("include", includes))
        excludes = wanted.get("excludes", wanted.get("exclude", excludes))
    elif isinstance(wanted, str | list):
        includes = wanted
    elif wanted is False:
        return Source(shown=False)
    elif wanted is not None and wanted is not True:
        raise RefusedError(f"_source: found {excerpt(wanted)}, expected a boolean, fields, or includes and excludes")
    return Source(True, _pattern(includes), _pattern(excludes))


def _pattern(names: Any) -> re.Pattern[str] | None:
    """Return the expression of the fields with these names, where `*` stands for any text, and what is below them."""
    listed = [names] if isinstance(names, str) else names
    if listed is None or listed == []:
        return None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise RefusedError(f"_source: found {excerpt(names)}, expected names of fields")
    if len(listed) > MOST_PATTERNS:
        raise RefusedError(f"_source: found {len(listed)} names, expected at most {MOST_PATTERNS}")
    return re.compile("|".join(f"(?:{_expression(name)})" for name in listed), re.DOTALL)


def _expression(name: str) -> str:
    parts: Iterable[str] = map(re.escape, re.sub(r"\*+", "*", name).split("*"))
    return ".*".join(parts) + r"(?:\..*)?"
