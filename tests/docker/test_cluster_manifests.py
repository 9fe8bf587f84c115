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
RAY_PODS = [RAY_CLUSTER["spec"]["headGroupSpec"]["template"], RAY_CLUSTER["spec"]["workerGroupSpecs"][0]["template"]]
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
        (container,) = spec["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {one["name"] for one in spec["volumes"]}
        assert spec["securityContext"]["runAsNonRoot"]
        assert f"--uid {spec['securityContext']['runAsUser']} " in DOCKERFILE
        assert "memory" in container["resources"]["limits"]


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


@pytest.mark.parametrize("listed", [NODES, RAY], ids=["nodes", "kuberay"])
def test_fronts_are_given_settings(listed: list[Manifest]) -> None:
    [front] = kind(listed, "Deployment")
    arguments = front["spec"]["template"]["spec"]["containers"][0]["args"]
    options = dict(argument.removeprefix("--").split("=") for argument in arguments[2:])
    assert Settings(directory=arguments[1], **options).partial is False
    assert "+changes" not in str(options)


def test_everybody_has_the_token_and_the_volume_of_collections() -> None:
    [front] = kind(RAY, "Deployment")
    for pod in [*RAY_PODS, front["spec"]["template"]]:
        environment = {one["name"]: one for one in pod["spec"]["containers"][0]["env"]}
        assert environment["RAY_AUTH_MODE"]["value"] == "token"
        assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "seismic-ray", "key": "token"}
        [claim] = [one for one in pod["spec"]["volumes"] if one["name"] == "collections"]
        assert claim["persistentVolumeClaim"]["claimName"] == kind(RAY, "PersistentVolumeClaim")[0]["metadata"]["name"]
    address = Address.parse(front["spec"]["template"]["spec"]["containers"][0]["args"][2].removeprefix("--ray="))
    assert address.host == f"{RAY_CLUSTER['metadata']['name']}-head-svc"
