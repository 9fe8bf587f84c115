"""One Ray cluster for all tests of this folder, which run in one process: it takes seconds and most of a gigabyte."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seismic.cluster import ray_session
from tests.ray.cluster import RayCluster


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    """Three nodes on loopback. A test that kills one starts another, so that the next test finds three."""
    shared, home = set(os.listdir("/dev/shm")), (Path.home() / ".ray").exists()
    cluster = RayCluster()
    before = {name: os.environ.get(name) for name in cluster.environment}
    os.environ.update(cluster.environment)
    try:
        yield cluster
    finally:
        ray_session.disconnect()
        cluster.close()
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
    assert (Path.home() / ".ray").exists() == home, "Ray wrote into the home folder"
    left = {name for name in os.listdir("/dev/shm") if "ray" in name or "plasma" in name} - shared
    assert not left, left
