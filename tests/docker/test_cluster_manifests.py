"""The manifests of clusters are valid and agree with each other, with the image and with the commands they run."""

import tomllib
from typing import Any

import pytest
import yaml

from seismic.cluster.connection import Address
from seismic.cluster.spec import PartSpec, check_cover
from seismic_server.settings import Settings
from tests.docker.test_kubernetes import DOCKERFILE, VERSIONS, kubernetes_validate
from tests.reader import ROOT

FOLDER = ROOT / "docker/deploy/cluster"
Manifest = dict[str, Any]


def manifests(file: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / file).read_text()))


NODES, RAY = manifests("nodes.yaml"), manifests("kuberay.yaml")


def kind(listed: list[Manifest], wanted: str) -> list[Manifest]:
    return [one for one in listed if one["kind"] == wanted]


[RAY_CLUSTER] = kind(RAY, "RayCluster")
HEAD = RAY_CLUSTER["spec"]["headGroupSpec"]
WORKERS, FRONTS = RAY_CLUSTER["spec"]["workerGroupSpecs"]
RAY_PODS = [one["template"] for one in (HEAD, WORKERS, FRONTS)]
STANDARD = [*NODES, *(one for one in RAY if one["kind"] != "RayCluster")]
PODS = [
    *(one["spec"]["template"] for one in STANDARD if one["kind"] in ("StatefulSet", "Deployment")),
    *RAY_PODS,
]


@pytest.mark.parametrize("version", VERSIONS)
def test_they_are_valid(version: str) -> None:
    """Ray's own kind has no schema there; its pods have."""
    templates = [{"apiVersion": "v1", "kind": "PodTemplate", "metadata": {}, "template": pod} for pod in RAY_PODS]
    for manifest in [*STANDARD, *templates]:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_pods_are_confined_and_mount_what_they_declare() -> None:
    for pod in PODS:
        spec = pod["spec"]
        mounts = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
        assert mounts == {one["name"] for one in spec["volumes"]}
        assert spec["securityContext"]["runAsNonRoot"]
        assert f"--uid {spec['securityContext']['runAsUser']} " in DOCKERFILE
        assert all("memory" in container["resources"]["limits"] for container in spec["containers"])


def test_the_nodes_file_names_the_pods_and_their_parts() -> None:
    [config] = kind(NODES, "ConfigMap")
    topology = tomllib.loads(config["data"]["nodes.toml"])
    services = {one["metadata"]["name"]: one["spec"]["ports"][0]["port"] for one in kind(NODES, "Service")}
    named = {}
    for one in kind(NODES, "StatefulSet"):
        arguments = one["spec"]["template"]["spec"]["containers"][0]["args"]
        options = dict(argument.removeprefix("--").split("=") for argument in arguments[3:])
        port = Address.parse(options["listen"]).port
        service = one["spec"]["serviceName"]
        assert services[service] == port
        assert topology["secret_file"] == options["secret-file"]
        pods = [f"{one['metadata']['name']}-{number}" for number in range(one["spec"]["replicas"])]
        named[options["parts"]] = [f"{pod}.{service}:{port}" for pod in pods]
    assert named == {one["part"]: one["nodes"] for one in topology["collections"]["scifact"]}
    check_cover([PartSpec.parse(part) for part in named], "parts")


FRONT_OF_NODES = kind(NODES, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]
FRONT_OF_RAY = FRONTS["template"]["spec"]["containers"][1]


@pytest.mark.parametrize("front", [FRONT_OF_NODES, FRONT_OF_RAY], ids=["nodes", "kuberay"])
def test_fronts_are_given_settings(front: Manifest) -> None:
    options = dict(argument.removeprefix("--").split("=") for argument in front["args"][2:])
    assert Settings(directory=front["args"][1], **options).partial is False
    assert "+changes" not in str(options)


def test_fronts_run_beside_a_ray_node_without_cpus() -> None:
    """Ray finds it by its process and its sockets."""
    spec = FRONTS["template"]["spec"]
    assert spec["shareProcessNamespace"]
    assert FRONTS["rayStartParams"]["num-cpus"] == "0"
    node, front = ({one["name"]: one["mountPath"] for one in each["volumeMounts"]} for each in spec["containers"])
    assert node.items() <= front.items()
    [service] = kind(RAY, "Service")
    assert FRONTS["template"]["metadata"]["labels"].items() >= service["spec"]["selector"].items()


def test_only_the_cluster_reaches_the_nodes_whose_ports_are_known() -> None:
    [policy] = kind(RAY, "NetworkPolicy")
    assert WORKERS["template"]["metadata"]["labels"] == policy["spec"]["podSelector"]["matchLabels"]
    assert "--ports=7100-7199" in FRONT_OF_RAY["args"]
    assert "7100 to 7199" in (FOLDER / "kuberay.yaml").read_text()


def test_everybody_has_the_token_and_the_volume_of_collections() -> None:
    for pod in RAY_PODS:
        for container in pod["spec"]["containers"]:
            environment = {one["name"]: one for one in container["env"]}
            assert environment["RAY_AUTH_MODE"]["value"] == "token"
            assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "seismic-ray", "key": "token"}
        [claim] = [one for one in pod["spec"]["volumes"] if one["name"] == "collections"]
        assert claim["persistentVolumeClaim"]["claimName"] == kind(RAY, "PersistentVolumeClaim")[0]["metadata"]["name"]
    address = Address.parse(FRONT_OF_RAY["args"][2].removeprefix("--ray="))
    assert address.host == f"{RAY_CLUSTER['metadata']['name']}-head-svc"
