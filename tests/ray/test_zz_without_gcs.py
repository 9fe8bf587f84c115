"""What searches without Ray's control store. Comes last: nothing can be placed in the cluster afterwards."""

import time
from pathlib import Path

from seismic.cluster import ray_session
from tests.cluster.collections import QUERIES, build
from tests.ray.cluster import RayCluster
from tests.ray.test_serving import Service, hits_of

SECONDS = 5.0
"""How long to search without it. Ray's own limit is a minute: `python -m tests.ray.failures` searches longer."""


def test_searches_go_on_without_the_gcs(ray_cluster: RayCluster, tmp_path: Path) -> None:
    with build(tmp_path / "served" / "books") as index:
        service = Service(ray_cluster, index, tmp_path / "log.jsonl", "--replicas", "2", "--groups", "1")
        try:
            wanted = [hits_of(index, query) for query in QUERIES]
            ray_session.disconnect()  # would wait for the control store
            ray_cluster.kill_gcs()
            until, at = time.monotonic() + SECONDS, 0
            while time.monotonic() < until:
                at = (at + 1) % len(QUERIES)
                answer = service.search(QUERIES[at])
                assert answer.status_code == 200, answer.text
                assert [(hit["id"], hit["score"]) for hit in answer.json()["hits"]] == wanted[at]
                time.sleep(0.05)
        finally:
            service.close()
