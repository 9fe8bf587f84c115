"""The load tool, which measures the overhead of the service."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer import Typer
from typer.testing import CliRunner

from seismic_tools.measure.load.command import total
from seismic_tools.measure.load.overhead import main
from tests.conftest import DATA

from .conftest import Server


def test_engine_and_service_get_equal_queries(server: Server, scifact_index: Path, tmp_path: Path) -> None:
    queries, output = tmp_path / "queries.parquet", tmp_path / "overhead.json"
    pq.write_table(pq.read_table(DATA / "queries.parquet").slice(0, 20), queries)
    app = Typer()
    app.command()(main)
    options = ["--batch", "1", "--batch", "8", "--seconds", "0.2", "--output", str(output)]
    result = CliRunner().invoke(app, [server.url, str(scifact_index), str(queries), *options])
    assert result.exit_code == 0, result.output
    found = json.loads(output.read_text())["results"]
    assert [one["batch"] for one in found] == [1, 8]
    for one in found:
        assert one["engine_ms"] > 0
        assert one["service_ms"] - one["engine_ms"] == pytest.approx(one["added_ms"])
        assert one["engine_ms"] / one["service_ms"] == pytest.approx(one["share"])
    names = [cell.strip() for cell in result.stdout.splitlines()[0].split("|")]
    assert names[1:-1] == ["batch", "engine_ms", "service_ms", "added_ms", "share"]


def test_a_refusal_ends_the_run(server: Server, scifact_index: Path) -> None:
    app = Typer()
    app.command()(main)
    arguments = [server.url, str(scifact_index), str(DATA / "queries.parquet"), "-k", "20000"]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, ConnectionError)
    assert "the service answered 422" in str(error)


def test_usage_is_that_of_all_processes() -> None:
    alone = "# HELP process_cpu_seconds_total CPU\nprocess_cpu_seconds_total 2.5\n"
    together = 'process_cpu_seconds_total{process="0"} 1.5\nprocess_cpu_seconds_total{process="supervisor"} 1.0e+00\n'
    assert total(alone, "process_cpu_seconds_total") == total(together, "process_cpu_seconds_total") == 2.5
