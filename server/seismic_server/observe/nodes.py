"""Prometheus metrics of the nodes that search collections, as this front sees them and as they report themselves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from seismic_server.observe.metrics import CollectionStates

COUNTED = {
    "requests": "Requests to the node",
    "errors": "Requests to the node that failed",
    "hedges": "Requests to the node that another one had not answered in time",
}
SEEN = {
    "suspended": "Whether other nodes are asked first",
    "running": "Requests that the node has not answered yet",
}
SAID = {
    "memory": ("seismic_node_resident_bytes", "Memory of the node, mapped files included"),
    "waiting": ("seismic_node_queue_depth", "Requests that wait for a thread of the node"),
    "connections": ("seismic_node_connections", "Connections that the node has open"),
}


class Node(Protocol):
    """What metrics read of a node."""

    address: str
    parts: Sequence[str]
    problem: str | None
    says: Mapping[str, Any]


@runtime_checkable
class HasNodes(Protocol):
    """An index whose shards are searched by nodes."""

    def nodes(self) -> Sequence[Node]:
        """Return the nodes and what each says of itself."""

    def node_counts(self) -> dict[str, dict[str, int]]:
        """Return what this process has counted of each node, by address, without asking the nodes."""


class NodeMetrics(Collector):
    """The nodes of the served collections at the time of the request, which asks all of them."""

    def __init__(self, collections: CollectionStates) -> None:
        self._collections = collections

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: registering would ask the nodes otherwise."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; nothing without nodes."""
        families = _Families()
        for collection in self._collections:
            if isinstance(index := collection.index, HasNodes):
                for node in index.nodes():
                    families.add(collection.index.name, node)
        yield from families.used()


class _Families:
    """Metrics by name; one that has no sample is left out."""

    def __init__(self) -> None:
        labels = ["collection", "node"]
        self._counters = {
            key: CounterMetricFamily(f"seismic_node_{key}", help, labels=labels) for key, help in COUNTED.items()
        }
        self._gauges = {
            key: GaugeMetricFamily(f"seismic_node_{key}", help, labels=labels) for key, help in SEEN.items()
        }
        self._gauges |= {key: GaugeMetricFamily(name, help, labels=labels) for key, (name, help) in SAID.items()}
        self._up = GaugeMetricFamily("seismic_node_up", "Whether the node answers", labels=labels)
        by_part = [*labels, "part"]
        self._generation = GaugeMetricFamily("seismic_node_generation", "Newest open generation", labels=by_part)
        self._sequence = GaugeMetricFamily("seismic_node_sequence", "Last change that the node knows", labels=by_part)

    def add(self, collection: str, node: Node) -> None:
        """Add the samples of a node."""
        labels = [collection, node.address]
        self._up.add_metric(labels, node.problem is None)
        for key, counter in self._counters.items():
            counter.add_metric(labels, getattr(node, key))
        for key, gauge in self._gauges.items():
            if (value := getattr(node, key, node.says.get(key))) is not None:
                gauge.add_metric(labels, value)
        for part, states in node.says.get("parts", {}).items():
            newest = max(states, key=int, default=None)
            if newest is not None:
                self._generation.add_metric([*labels, part], int(newest))
                self._sequence.add_metric([*labels, part], states[newest]["sequence"])

    def used(self) -> Iterator[Metric]:
        """Yield the metrics that have samples."""
        every = [self._up, *self._counters.values(), *self._gauges.values(), self._generation, self._sequence]
        return (family for family in every if family.samples)
