"""Collections in parts on several machines: nodes that search parts, and fronts that join their answers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seismic.cluster.connection import Address
    from seismic.cluster.index import ClusterIndex
    from seismic.cluster.node import Node, NodeLimits
    from seismic.cluster.plan import ClusterPlan, plan_cluster
    from seismic.cluster.ray_tasks import RayRunner
    from seismic.cluster.spec import PartSpec
    from seismic.cluster.topology import Topology, open_cluster, read_topology

__all__ = [
    "Address",
    "ClusterIndex",
    "ClusterPlan",
    "Node",
    "NodeLimits",
    "PartSpec",
    "RayRunner",
    "Topology",
    "open_cluster",
    "plan_cluster",
    "read_topology",
]

_HOMES = {
    "Address": "connection",
    "ClusterIndex": "index",
    "ClusterPlan": "plan",
    "Node": "node",
    "NodeLimits": "node",
    "PartSpec": "spec",
    "RayRunner": "ray_tasks",
    "Topology": "topology",
    "open_cluster": "topology",
    "plan_cluster": "plan",
    "read_topology": "topology",
}
"""The module of each name. They are imported when first used: a worker of Ray loads `ray_worker` at low priority."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
