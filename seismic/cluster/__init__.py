"""Collections in parts on several machines: nodes that search parts, and fronts that join their answers."""

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
