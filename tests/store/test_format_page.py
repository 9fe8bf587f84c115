"""docs/format.md describes the format as it is."""

import re

import pytest

from seismic.store import schema
from seismic.store.manifest import Manifest, ShardEntry
from tests.reader import ROOT

PAGE = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
SHARED = PAGE[PAGE.index("### shared.arrow") : PAGE.index("### maxima.arrow")]


def names(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def row(start: str) -> str:
    return next(line for line in PAGE.splitlines() if line.startswith(f"| `{start}`"))


@pytest.mark.parametrize("key", [*Manifest.model_fields, *ShardEntry.model_fields])
def test_every_key_of_the_manifest_is_described(key: str) -> None:
    begin, end = PAGE.index("## manifest.json"), PAGE.index("## Files of a shard")
    assert key in names(PAGE[begin:end])


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("maxima.arrow", schema.maxima_schema(8).names),
        ("impacts.arrow", schema.impacts_schema(8).names),
        ("forward.arrow", schema.forward_schema(8).names),
        ("postings.arrow", schema.postings_schema().names),
        ("summaries.arrow", schema.summaries_schema(8).names),
        ("components.arrow", schema.components_schema().names),
    ],
)
def test_columns(file: str, columns: list[str]) -> None:
    assert set(columns) <= names(row(file))


def test_columns_of_blocks() -> None:
    assert set(schema.shared_schema(8).names) <= names(SHARED)
