"""The simulation of clusters: what can be worked out by hand, and what hedging must do."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from seismic import InputError, ParameterError
from seismic_tools.cli import app
from seismic_tools.measure.simulate import Shape, Simulated, read_times, shapes, simulate

SMALL = Simulated(queries=400)
CALM = SMALL.replace(deviation=0.0, stall_share=0.0, long_stall_share=0.0, shard_documents=1_000_000)
FLAT = Shape("flat", 0, 0, 100, 1)


def test_without_chance_it_is_arithmetic() -> None:
    times = np.array([400.0])
    found = simulate(CALM, FLAT, "none", times)
    assert found.p50 == found.p99 == pytest.approx((100 * 14 + 100 + 400) / 1000)
    two = simulate(CALM, Shape("two levels", 0, 10, 10, 1), "none", times)
    assert two.p50 == pytest.approx((2 * (10 * 14 + 100) + 400) / 1000)
    larger = simulate(CALM.replace(shard_documents=16_000_000, growth=0.5), FLAT, "none", times)
    assert larger.p50 == pytest.approx((100 * 14 + 100 + 4 * 400) / 1000)


def test_costs_have_the_measured_quantiles() -> None:
    params = CALM.replace(queries=40_000, network_us=0.0, front_us=0.0)
    found = simulate(params, Shape("one", 0, 0, 1, 1), "none")
    assert found.p50 == pytest.approx(0.161, rel=0.03)
    assert found.p99 == pytest.approx(1.125, rel=0.1)


def test_hedging_asks_some_again_and_cuts_the_tail() -> None:
    none, p95, last = (simulate(SMALL, FLAT, hedge) for hedge in ("none", "p95", "last tenth"))
    assert none.load == 0
    assert p95.load == pytest.approx(0.05, abs=0.001)
    assert 0 < last.load < 0.01
    assert max(p95.p99, last.p99) < none.p99 / 2
    assert last.p50 <= none.p50


def test_a_second_level_and_large_nodes_save_the_front() -> None:
    flat, levels, large = shapes(SMALL)[-3:]
    assert (flat.documents, flat.nodes, levels.fronts, large.shards) == (10**10, 1132, 34, 14)
    params = SMALL.replace(queries=100)
    slow, quick, least = (simulate(params, shape, "last tenth").p50 for shape in (flat, levels, large))
    assert slow > 15 > 5 > max(quick, least)


def test_the_seed_decides() -> None:
    assert simulate(SMALL, FLAT, "p95") == simulate(SMALL, FLAT, "p95")
    assert simulate(SMALL, FLAT, "p95") != simulate(SMALL.replace(seed=1), FLAT, "p95")


def test_the_command(tmp_path: Path) -> None:
    times = tmp_path / "times.txt"
    times.write_text("\n".join(["300", "400.5", "900"] * 9))
    options = ["cluster", "simulate", "--queries", "100", "--times", str(times)]
    plain = CliRunner().invoke(app, options)
    assert plain.exit_code == 0, plain.output
    assert "1,132 flat" in plain.output
    assert "1,156 two levels" in plain.output
    done = orjson.loads(CliRunner().invoke(app, [*options, "--json"]).output)
    assert [row["name"] for row in done["rows"]] == ["flat", "flat", "flat", "two levels", "large nodes"]
    assert done["params"]["queries"] == 100


@pytest.mark.parametrize("text", ["", "1\nx", "1\n0", "1\nnan"])
def test_wrong_times_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "times.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=r"times\.txt.*: .*expected"):
        read_times(file)
    with pytest.raises(ParameterError, match="stall_share"):
        SMALL.replace(stall_share=2.0)
