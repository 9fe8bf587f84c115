"""Components of 32 bits through every format, and through the commands."""

from pathlib import Path

import orjson
import pytest

from tests.index_tools.conftest import Run

DOCUMENT = {"id": "a", "indices": [5, (1 << 32) - 1], "values": [1.0, 2.5]}


@pytest.mark.parametrize("name", ["wide.parquet", "wide.jsonl.gz", "wide.ciff", "wide.bin"])
def test_wide_components_survive_conversion_and_build(run: Run, tmp_path: Path, name: str) -> None:
    source, back = tmp_path / "wide.jsonl", tmp_path / "back.jsonl"
    source.write_bytes(orjson.dumps(DOCUMENT) + b"\n")
    assert run("convert", source, tmp_path / name).exit_code == 0
    assert run("convert", tmp_path / name, back).exit_code == 0
    (line,) = back.read_text().splitlines()
    document = orjson.loads(line)
    found = document.get("indices") or sorted(int(token) for token in document["vector"])
    assert found == DOCUMENT["indices"]
    assert run("build", tmp_path / name, tmp_path / "index").exit_code == 0
    assert "components" in run("inspect", tmp_path / "index").stdout


def test_a_format_of_31_bits_refuses_wider_components(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "wide.jsonl"
    source.write_bytes(orjson.dumps(DOCUMENT) + b"\n")
    result = run("convert", source, tmp_path / "wide.csr")
    assert result.exit_code == 2
    assert "found component 4294967295, expected components below 2147483648 for this format" in result.stderr
