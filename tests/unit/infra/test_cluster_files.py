"""What the files of a cluster claim: no password of ours, nobody is root, versions are the lock's, all has its size.

What only Docker's and Kubernetes' own tools know of them, `infra/validate.sh` asks those.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tocoad.settings.sections import RaySettings

ROOT = Path(__file__).resolve().parents[3]
INFRA = ROOT / "infra"
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|AUTH_STRING|KEY", re.IGNORECASE)
UNITS = {"Mi": 2**20, "Gi": 2**30}
# KubeRay 1.6's own fields, of its API reference: no validator that installs knows them.
CLUSTER_FIELDS = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
HEAD_FIELDS = {"serviceType", "rayStartParams", "template"}
WORKER_FIELDS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
JOB_FIELDS = {
    "activeDeadlineSeconds",
    "backoffLimit",
    "entrypoint",
    "rayClusterSpec",
    "shutdownAfterJobFinishes",
    "submissionMode",
    "submitterPodTemplate",
    "ttlSecondsAfterFinished",
}


def read(name: str) -> Any:
    return YAML(typ="safe").load(INFRA / name)


COMPOSE = read("compose/compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
CLUSTER, JOB = read("kuberay/raycluster.yaml")["spec"], read("kuberay/rayjob.yaml")["spec"]
CLUSTERS = pytest.mark.parametrize("cluster", [CLUSTER, JOB["rayClusterSpec"]], ids=["raycluster", "rayjob"])


def groups(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def pods() -> Iterator[dict[str, Any]]:
    for cluster in (CLUSTER, JOB["rayClusterSpec"]):
        yield from (group["template"]["spec"] for group in groups(cluster))
    yield JOB["submitterPodTemplate"]["spec"]


def strings(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the name that it stands under."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from strings(value, str(name))
    elif isinstance(node, list):
        for item in node:
            yield from strings(item, key)
    else:
        yield key, str(node)


def size(text: str) -> int:
    return int(text[:-2]) * UNITS[text[-2:]]


def locked(package: str) -> str:
    (version,) = re.findall(rf"^{package}==(.+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return str(version)


# Compose


def test_compose_has_no_password_of_its_own_and_starts_without_none() -> None:
    asked = set()
    for name, text in strings(COMPOSE):
        for variable, rest in re.findall(r"\$\{(\w+)([^}]*)\}", text):
            if SECRET.search(variable):
                assert rest.startswith(":?"), f"{variable} has a default"
                asked.add(variable)
        if SECRET.search(name) and name.isupper():
            assert "${" in text, f"{name} is written down"
    assert asked == {"POSTGRES_PASSWORD", "PREFECT_PASSWORD", "S3_KEY", "S3_SECRET", "RAY_AUTH_TOKEN"}
    example = dict(re.findall(r"^(\w+)=(.*)$", (INFRA / "compose/example.env").read_text(), re.MULTILINE))
    assert example == dict.fromkeys(asked, "")


def test_every_service_of_compose_has_a_health_a_size_and_a_pinned_image() -> None:
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) == (name != "driver"), name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert re.search(r":\d+\.\d+", service["image"]) and "latest" not in service["image"], name


def test_compose_opens_nothing_to_other_machines() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(published) == 2 and all(port.startswith("127.0.0.1:") for port in published)


def test_what_compose_keeps_lies_in_volumes_that_it_declares() -> None:
    mounted = [volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    assert set(COMPOSE["volumes"]) == {name for name in mounted if not name.startswith(".")}
    assert all((INFRA / "compose" / name).is_file() for name in mounted if name.startswith("."))


def test_nodes_of_compose_share_no_folder() -> None:
    first, second = (set(SERVICES[f"ray-worker-{number}"]["volumes"]) for number in (1, 2))
    assert first.isdisjoint(second)


# Kubernetes


def test_nobody_is_root_in_kubernetes_or_can_become_so() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }


def test_every_container_in_kubernetes_has_a_size_and_a_pinned_image() -> None:
    for container in (container for pod in pods() for container in pod["containers"]):
        assert set(container["resources"]) == {"requests", "limits"}
        assert re.fullmatch(r".+/tocoad:\d+\.\d+\.\d+-(cpu|cuda)", container["image"])


def test_every_node_in_kubernetes_is_asked_whether_it_lives() -> None:
    for cluster in (CLUSTER, JOB["rayClusterSpec"]):
        for group in groups(cluster):
            (container,) = group["template"]["spec"]["containers"]
            assert container["readinessProbe"]["httpGet"] == container["livenessProbe"]["httpGet"]


def test_secrets_come_by_reference_into_kubernetes() -> None:
    for pod in pods():
        for container in pod["containers"]:
            assert not [entry["name"] for entry in container.get("env", ()) if SECRET.search(entry["name"])]
    assert (
        CLUSTER["authOptions"] == JOB["rayClusterSpec"]["authOptions"] == {"mode": "token", "secretName": "tocoad-ray"}
    )


@CLUSTERS
def test_kuberays_own_fields_are_known_ones(cluster: dict[str, Any]) -> None:
    assert set(cluster) <= CLUSTER_FIELDS
    assert set(cluster["headGroupSpec"]) <= HEAD_FIELDS
    for group in cluster["workerGroupSpecs"]:
        assert set(group) <= WORKER_FIELDS and group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    assert set(JOB) <= JOB_FIELDS
    params = [value for group in groups(cluster) for value in group["rayStartParams"].values()]
    assert all(isinstance(value, str) for value in params)


@CLUSTERS
def test_a_nodes_cache_in_kubernetes_has_room_for_what_the_settings_let_it_keep(cluster: dict[str, Any]) -> None:
    kept = RaySettings().node_cache_gb * 1e9
    for group in cluster["workerGroupSpecs"]:
        pod = group["template"]["spec"]
        volumes = {volume["name"]: volume["emptyDir"] for volume in pod["volumes"]}
        (container,) = pod["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert RaySettings().node_cache.is_relative_to(mounts["cache"].replace("/home/tocoad", "~"))
        on_disk = sum(size(volume["sizeLimit"]) for volume in volumes.values() if "medium" not in volume)
        assert kept < size(volumes["cache"]["sizeLimit"])
        assert on_disk <= size(container["resources"]["limits"]["ephemeral-storage"])


# Machines


def test_the_vm_cluster_fits_rays_own_schema() -> None:
    ray = find_spec("ray")
    assert ray is not None and ray.submodule_search_locations is not None
    schema = json.loads(Path(ray.submodule_search_locations[0], "autoscaler/ray-schema.json").read_text())
    jsonschema.validate(read("vm/cluster.yaml"), schema)


def test_no_command_of_the_vm_cluster_has_a_secret_in_it() -> None:
    commands = [text for name, text in strings(read("vm/cluster.yaml")) if name.endswith("commands")]
    assert len(commands) == 4
    assert not any(re.search(r"(TOKEN|SECRET|PASSWORD|KEY_ID)=", text) for text in commands)


# All of them


def test_versions_are_those_of_the_lock() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {CLUSTER["rayVersion"], JOB["rayClusterSpec"]["rayVersion"]} == {locked("ray")}
    texts = [
        file.read_text() for file in INFRA.rglob("*") if file.suffix in (".yaml", ".env") or file.stem == "Dockerfile"
    ]
    assert set(re.findall(r"\btocoad:([\d.]+)-c", "".join(texts))) == {version}
    (in_image,) = re.findall(r"uv==([\d.]+)", (INFRA / "docker/Dockerfile").read_text())
    assert f"uv=={in_image}" in (INFRA / "setup.sh").read_text()


def test_a_node_that_hangs_is_given_up_as_soon_everywhere() -> None:
    from infra.local.environment import RAY_HEALTH

    for name in ("compose/compose.yaml", "kuberay/raycluster.yaml", "kuberay/rayjob.yaml", "vm/cluster.yaml"):
        text = (INFRA / name).read_text()
        for variable, value in RAY_HEALTH.items():
            assert set(re.findall(rf'{variable}(?:, value)?[:=] ?"?(\d+)', text)) == {value}, f"{name}: {variable}"


# The image


def dockerfile() -> list[str]:
    text = (INFRA / "docker/Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_image_runs_as_nobody_special_and_numba_can_write_its_cache() -> None:
    lines = dockerfile()
    final = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    (user,) = [line.split()[1] for line in final if line.startswith("USER")]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    (cache,) = re.findall(r"NUMBA_CACHE_DIR=(\S+)", "".join(final))
    (made,) = [line for line in final if "install --directory --owner=tocoad" in line]
    assert any(cache.startswith(f"{folder}/") for folder in re.findall(r"/\S+", made.partition("--directory")[2]))
    assert f"--uid {user.partition(':')[0]} " in made


def test_the_image_takes_what_there_is_and_nothing_else_goes_to_its_builder() -> None:
    kept = set(re.findall(r"^!(\S+)$", (INFRA / "docker/Dockerfile.dockerignore").read_text(), re.MULTILINE))
    copied = {
        source
        for line in dockerfile()
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == kept
    assert all((ROOT / source).exists() for source in copied)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {package.rstrip("*") for package in packages} <= copied


def test_the_image_for_processors_leaves_out_of_the_lock_what_is_for_gpus_alone() -> None:
    (expression,) = re.findall(r"--invert-match '([^']+)'", (INFRA / "docker/Dockerfile").read_text())
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    left_out = [line for line in lines if re.search(expression, line)]
    assert "triton==" in "".join(left_out) and len(left_out) > 15
    assert not [line for line in lines if line not in left_out and re.search("nvidia|cuda|triton", line)]
    assert not [line for line in left_out if line.startswith(("torch", "numpy", "ray", "cupy"))]
