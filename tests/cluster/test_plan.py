"""How many nodes a collection needs."""

import math
import re
import signal
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from typer.testing import CliRunner

from seismic import Index, ParameterError
from seismic.cluster.plan import PROCESS, Demand, plan_cluster
from seismic_tools.cli import app
from seismic_tools.commands.cluster import _end
from tests.cluster.collections import build


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with build(tmp_path_factory.mktemp("plan") / "books") as made:
        yield made


def test_plan(index: Index) -> None:
    planned = plan_cluster(index.view.collection, 315 << 20, 3)
    assert (planned.nodes, [part.part for part in planned.parts]) == (3, ["1/1+changes"])
    sizes = [sum(file.bytes for file in shard.files.values()) for shard in index.manifest.shards]
    smaller = plan_cluster(index.view.collection, PROCESS + sum(sizes) // 2, 2)
    assert [part.part for part in smaller.parts] == ["1/3", "2/3", "3/3+changes"]
    assert [part.shards for part in smaller.parts] == [1, 2, 2]
    assert smaller.nodes == 6
    assert all(part.bytes <= smaller.memory for part in smaller.parts)
    with pytest.raises(ParameterError, match=r"memory: found 1,000 bytes for a node, expected at least .* of 5 shards"):
        plan_cluster(index.view.collection, 1000)


def test_plan_for_measured_times(index: Index) -> None:
    folder, shards = index.view.collection, [entry.documents for entry in index.manifest.shards]
    times = [0.001] * 99 + [0.010]  # the mean is 1.09 ms, the 99th percentile between 1 and 10 ms
    share = max(shards) / sum(shards)
    needed = math.ceil(3000 * 0.00109 / (0.6 * 2))
    assert plan_cluster(folder, 1 << 30, 2, Demand(times, 3000, 2)).nodes == needed == 3
    quick = Demand(times, 3000, 2, p99=float(np.quantile(times, 0.99)) * share * 1.01)
    planned = plan_cluster(folder, 1 << 30, 2, quick)
    assert (len(planned.parts), planned.replicas) == (len(shards), 2)
    with pytest.raises(ParameterError, match=r"p99: found 0.1 ms, but 5 parts of a shard each take 0\.218 ms; "):
        plan_cluster(folder, 1 << 30, 2, Demand(times, p99=0.0001))


def test_a_second_signal_ends_a_node_at_once() -> None:
    ending = threading.Event()
    _end(ending, signal.SIGTERM)
    assert ending.is_set()
    with pytest.raises(SystemExit) as caught:
        _end(ending, signal.SIGINT)
    assert caught.value.code == 130


def test_plan_command_times_searches(index: Index) -> None:
    command = [
        "cluster",
        "plan",
        str(index.view.collection),
        "--memory",
        "1GB",
        "--rate",
        "1",
        "--p99",
        "60000",
        "-k",
        "3",
    ]
    shown = CliRunner().invoke(app, command, catch_exceptions=False).stdout
    assert re.search(
        r"2 nodes of 1.0 GB: 2 replicas of 1 part\nmeasured 300 queries of the whole: [\d.]+ ms of CPU each", shown
    )
    for number in ("inf", "nan"):
        assert CliRunner().invoke(app, [*command, "--rate", number]).exit_code == 2
    wrong = CliRunner().invoke(app, [*command, "--queries", "nothing.parquet"])
    assert wrong.exit_code == 2
