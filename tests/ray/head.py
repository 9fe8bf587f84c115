"""A Ray cluster of several nodes on this machine: a process that ends it as soon as its input ends.

It starts the head and two nodes, prints a line of JSON on each, starts another one for each line that it reads, with
the environment variables in it, and prints that. Environment variables come from `tests.ray.cluster`.
"""

import json
import sys
from typing import Any

from ray.cluster_utils import Cluster

NODES = 3


def add(cluster: Cluster, variables: dict[str, str] | None = None) -> dict[str, Any]:
    """Start a node and return what tests have to know of it."""
    node = cluster.add_node(num_cpus=8, object_store_memory=100_000_000, include_dashboard=False, env_vars=variables)
    processes = {kind: [one.process.pid for one in listed] for kind, listed in node.all_processes.items()}
    return {"address": cluster.address, "id": node.node_id, "processes": processes}


def main() -> None:
    """Run until the end of the input."""
    cluster = Cluster()
    try:
        for _ in range(NODES):
            print(json.dumps(add(cluster)), flush=True)
        for line in sys.stdin:
            print(json.dumps(add(cluster, json.loads(line))), flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
