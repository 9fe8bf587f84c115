"""Room for nodes on Ray, the wait for machines, and the options of nodes: what needs no Ray."""

from pathlib import Path
from typing import Any

import pytest

from seismic import ParameterError, StorageError
from seismic.cluster import ray_room
from seismic.cluster.actor_options import ActorOptions, actor_options, address_in
from seismic.cluster.placed import wait_for
from seismic.cluster.ray_actors import PartName
from seismic.cluster.ray_room import Machine, Missing, Need, Waiting
from seismic.errors import UnavailableError


def machines(*cpus: float) -> list[Machine]:
    return [Machine(f"10.0.0.{number}", one, 16e9) for number, one in enumerate(cpus, 1)]


@pytest.mark.parametrize(
    ("groups", "cpus", "has", "fits"),
    [
        (1, 1.0, [8, 8, 8], 3),
        (2, 1.0, [8, 8], 2),
        (2, 1.0, [1, 1, 1], 1),
        (4, 1.0, [3, 4, 1], 2),
        (3, 1.0, [0, 2], 0),
        (1, 0.1, [0.3, 0.05], 1),
        (3, 0.1, [0.3], 1),
        (1, 1.0, [], 0),
    ],
)
def test_replicas_that_fit(groups: int, cpus: float, has: list[float], fits: int) -> None:
    assert Need("books", groups, 2, cpus).fitting(machines(*has)) == fits


def test_what_is_missing() -> None:
    missing = Need("books", 2, 3, 1.0).missing(machines(8, 0.5), 4.5, fits=False)
    assert missing.text.startswith(
        "collection 'books': found 2 machines on Ray with 4.5 free CPUs (10.0.0.1 with 8 CPUs and 16.0 GB; 10.0.0.2 "
        "with 0.5 CPUs and 16.0 GB), expected room for 6 nodes of 1 CPU each: 3 replicas of 2 parts, the replicas of a "
        "part on 3 machines; wait for machines that are being added (--wait SECONDS), "
    )
    many = Need("books", 1, 1, 99.0).missing(machines(*range(12)), 66, fits=False).text
    assert "10.0.0.10 with 9 CPUs and 16.0 GB; and 2 more), expected room for 1 node of 99 CPU each" in many


def test_waiting_tells_what_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [100.0], list[str]()
    monkeypatch.setattr(ray_room.time, "monotonic", lambda: now[0])
    waiting = Waiting(25.0, told.append)
    for seconds, found in ((0, "1"), (1, "1"), (1, "2"), (1, "2"), (10, "2")):
        now[0] += seconds
        assert not waiting.check(Missing(f"all about {found}", found, fits=False))
    assert told == [
        "all about 1; waiting for 25 more seconds",
        "2; waiting for 23 more seconds",
        "2; waiting for 12 more seconds",
    ]
    assert waiting.check(None)
    now[0] += 13
    assert not waiting.check(Missing("busy", "busy", fits=True))
    with pytest.raises(UnavailableError, match="all about 2"):
        waiting.check(Missing("all about 2", "2", fits=False))
    with pytest.raises(UnavailableError, match="nothing"):
        Waiting(0.0, told.append).check(Missing("nothing", "nothing", fits=False))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"cache_size": "5GB"}, "cache-size: found a size without a cache; give --cache"),
        ({"cache": "c", "cache_size": "5 bananas"}, "found size '5 bananas'"),
        ({"storage": "s3://indexes"}, "storage: found s3://indexes, whose files cannot be mapped; give --cache"),
        ({"tls_key": "key.pem"}, "tls-key: found a key without a certificate; give --tls-cert"),
        ({"ports": "7100-7000"}, "ports: found '7100-7000', expected FIRST-LAST"),
    ],
)
def test_options_that_contradict_each_other(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ParameterError, match=problem):
        actor_options(**given)


def test_options_of_running_nodes() -> None:
    running = ActorOptions(cache="/c", ports="7100-7199", verify="full")
    assert ActorOptions().differing(running) is None
    assert ActorOptions(cpus=1.0, ports="7100-7199").differing(running) is None
    found = ActorOptions(threads=3, ports="1-9").differing(running)
    assert found == (
        "runs with --threads not set (expected 3), --ports 7100-7199 (expected 1-9); run `seismic cluster stop` before"
    )
    assert ActorOptions(threads=2).filled(running) == running._replace(threads=2, verify="none")
    assert actor_options(cache="/c", cache_size="2GB", ports="7100") == ActorOptions(
        cache="/c", cache_size=2_000_000_000, ports="7100-7100"
    )


def test_collections_below_an_address() -> None:
    assert address_in("s3://a/b/?scheme=http&endpoint_override=h:1", "books") == (
        "s3://a/b/books?scheme=http&endpoint_override=h:1"
    )
    assert address_in("/shared", "books") == "/shared/books"


def test_nobody_waits_for_nodes_of_a_service_that_ends(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="collection 'books' has no nodes on Ray yet"):
        wait_for(tmp_path, "books", tmp_path / "books", lambda: True, seconds=3600.0)


@pytest.mark.parametrize("folder", ["/a/books", "/a:5/b", "/a:1/2"])
def test_names_of_actors_and_groups(folder: str) -> None:
    name = PartName(folder, "2/2+changes", 1)
    assert PartName.parse(str(name)) == name
    assert PartName.of_group(str(name)) == name
    assert PartName.of_group(name.group) == name._replace(replica=0)
    assert PartName.of_group("another group") is None
