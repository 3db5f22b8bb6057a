"""The stand-in for the package `kubernetes` says what the installed package says, and gives way to it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client as real
from metaflow_triggers.seams import kubernetes_models as stand_in

from .run import python

SAMPLES: dict[str, dict[str, list[Any]]] = {
    "V1ContainerPort": {"container_port": [0, 8080, "80", 1.5, None, True]},
    "V1SecretEnvSource": {"name": ["secret", "", None, 3]},
    "V1ObjectFieldSelector": {"field_path": ["metadata.name", None, 3]},
    "V1VolumeMount": {"mount_path": ["/mnt", "a:b", None, 3], "name": ["out", None]},
    "V1ResourceRequirements": {
        "limits": [{"cpu": "1", "nvidia.com/gpu": "2"}, {}, {"cpu": 1}, None, "1"],
        "requests": [{"memory": "4096M"}, {"memory": None}, None],
    },
    "V1EnvVar": {"name": ["NAME", "", None, 3], "value": ["value", "", "$(x) {{y}} ☃", None, 3]},
}
CONTAINER: dict[str, list[Any]] = {
    "name": ["start", None, 3],
    "command": [["bash", "-c", "a\nb"], [], None, "bash", [1]],
    "image": ["python:3.12", None, 3],
    "image_pull_policy": ["Always", "IfNotPresent", "Never", "Sometimes", None, ["Always"]],
    "termination_message_policy": ["FallbackToLogsOnError", "File", "Never", None],
}


def nothing(value: Any) -> Any:
    """Without nulls, as the seams take them out."""
    if isinstance(value, dict):
        return {key: nothing(item) for key, item in value.items() if item is not None}
    return [nothing(item) for item in value] if isinstance(value, list) else value


def said(make: Any, values: dict[str, Any]) -> Any:
    """(keys in their order, the object), or the type of the error."""
    try:
        made = nothing(make(**values).to_dict())
    except Exception as error:
        return type(error).__name__
    return list(made), made


def maker(kind: str) -> Any:
    return getattr(stand_in._Client("kubernetes.client"), kind)


@pytest.mark.parametrize("kind", SAMPLES)
def test_equal_for_all_values(kind: str) -> None:
    fields = SAMPLES[kind]
    for values in itertools.product(*([*choices, ...] for choices in fields.values())):
        given = {key: value for key, value in zip(fields, values, strict=True) if value is not ...}
        assert said(maker(kind), given) == said(getattr(real, kind), given), given


def test_an_equal_container() -> None:
    for field, choices in CONTAINER.items():
        for value in choices:
            given = {"name": "main", field: value}
            assert said(maker("V1Container"), given) == said(real.V1Container, given), given


def whole(make: Any) -> Any:
    field = make("V1EnvVarSource")(field_ref=make("V1ObjectFieldSelector")(field_path="metadata.uid"))
    return make("V1Container")(
        volume_mounts=[make("V1VolumeMount")(name="out", mount_path="/mnt/out")],
        name="start",
        env=[make("V1EnvVar")(name="A", value="1"), make("V1EnvVar")(name="B", value_from=field)],
        env_from=[make("V1EnvFromSource")(secret_ref=make("V1SecretEnvSource")(name="secret"))],
        ports=[make("V1ContainerPort")(container_port=80)],
        resources=make("V1ResourceRequirements")(requests={"cpu": "1"}, limits={}),
        image=None,
    )


def test_an_equal_container_of_all_classes() -> None:
    ours, theirs = nothing(whole(maker).to_dict()), nothing(whole(lambda kind: getattr(real, kind)).to_dict())
    assert ours == theirs
    assert list(ours) == list(theirs)
    assert nothing(whole(maker).real().to_dict()) == theirs


def test_what_it_does_not_know_is_the_real_one() -> None:
    context = {"name": "main", "security_context": real.V1SecurityContext(run_as_user=1000)}
    assert said(maker("V1Container"), context) == said(real.V1Container, context)
    assert said(maker("V1Container"), {"name": "main", "unknown": 1}) == said(
        real.V1Container, {"name": "main", "unknown": 1}
    )
    assert stand_in._Client("kubernetes.client").V1Pod is real.V1Pod


LENT = """
import sys
from metaflow_triggers.seams.kubernetes_models import lent

with lent():
    from kubernetes import client
    print(type(client).__module__, "kubernetes.client.models" in sys.modules)
    {inside}
print("kubernetes" in sys.modules, "kubernetes.client.models" in sys.modules)
"""
STAND_IN = "metaflow_triggers.seams.kubernetes_models False\n"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("pass", "False False\n"),
        ("client.V1EnvVar(name='a')", "False False\n"),
        ("print(client.V1Pod.__module__)", "kubernetes.client.models.v1_pod\nTrue True\n"),
        (
            "import kubernetes.config; print(kubernetes.config.load_kube_config.__name__)",
            "load_kube_config\nTrue True\n",
        ),
        ("from kubernetes import config; print(config.__name__)", "kubernetes.config\nTrue True\n"),
        ("from kubernetes.client import V1Toleration as T; print(T.__name__)", "V1Toleration\nTrue True\n"),
        ("from kubernetes.client.rest import ApiException as E; print(E.__name__)", "ApiException\nTrue True\n"),
    ],
)
def test_it_gives_way(tmp_path: Path, inside: str, said: str) -> None:
    done = python("-c", LENT.format(inside=inside), cwd=tmp_path)
    assert (done.stdout, done.stderr) == (STAND_IN + said, "")


def test_an_imported_package_stays(tmp_path: Path) -> None:
    script = "import kubernetes\n" + LENT.format(inside="print(client is kubernetes.client)")
    assert python("-c", script, cwd=tmp_path).stdout.splitlines()[1] == "True"
