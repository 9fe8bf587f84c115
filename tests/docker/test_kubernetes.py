"""The Kubernetes manifests: valid by the API's schemas, and agreeing with each other, the image and the service."""

import warnings
from typing import Any

import pytest
import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import kubernetes_validate

from seismic_server.settings import PREFIX, Settings
from tests.reader import ROOT

FOLDER = ROOT / "docker/deploy/kubernetes"
MANIFESTS: list[dict[str, Any]] = [
    manifest for file in sorted(FOLDER.glob("*.yaml")) for manifest in yaml.safe_load_all(file.read_text())
]
VERSIONS = ("1.29", "1.33")
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()


def one(kind: str) -> dict[str, Any]:
    (found,) = (manifest for manifest in MANIFESTS if manifest["kind"] == kind)
    return found


POD = one("StatefulSet")["spec"]["template"]["spec"]
JOB = one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_manifests_are_valid(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_unknown_fields_are_found() -> None:
    wrong = one("Service") | {"spec": one("Service")["spec"] | {"selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_names_agree() -> None:
    service, served = one("Service"), one("StatefulSet")
    labels = served["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == served["spec"]["selector"]["matchLabels"] == labels
    assert served["spec"]["serviceName"] == service["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert service["spec"]["ports"][0]["targetPort"] in ports
    assert f"SEISMIC_PORT={ports['http']}" in DOCKERFILE
    (term,) = JOB["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchLabels"] == labels
    claims = {
        f"{one['metadata']['name']}-{served['metadata']['name']}-0" for one in served["spec"]["volumeClaimTemplates"]
    }
    claims.add(one("PersistentVolumeClaim")["metadata"]["name"])
    used = {
        volume["persistentVolumeClaim"]["claimName"] for volume in JOB["volumes"] if "persistentVolumeClaim" in volume
    }
    assert used == claims


@pytest.mark.parametrize("pod", [POD, JOB], ids=["service", "snapshot"])
def test_pods_are_confined_and_mount_what_they_declare(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    templates = {claim["metadata"]["name"] for claim in one("StatefulSet")["spec"]["volumeClaimTemplates"]}
    declared = {volume["name"] for volume in pod["volumes"]} | (templates if pod is POD else set())
    assert {mount["name"] for mount in container["volumeMounts"]} == declared
    assert f"--uid {pod['securityContext']['runAsUser']} " in DOCKERFILE
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    # The image writes here; everything else is read-only.
    assert {"/var/cache/seismic", "/tmp"} <= {mount["mountPath"] for mount in container["volumeMounts"]}
    assert pod["enableServiceLinks"] is False


def test_probes_and_shutdown() -> None:
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert CONTAINER["startupProbe"]["httpGet"]["path"] == CONTAINER["readinessProbe"]["httpGet"]["path"] == "/readyz"
    pause = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["terminationGracePeriodSeconds"] > pause + Settings(directory=FOLDER).shutdown_seconds


def test_variables_are_settings() -> None:
    for variable in CONTAINER["env"]:
        assert variable["name"].removeprefix(PREFIX).lower() in Settings.model_fields
    mounted = {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    keys_file = next(one["value"] for one in CONTAINER["env"] if one["name"] == "SEISMIC_KEYS_FILE")
    assert keys_file.rpartition("/")[0] in mounted
