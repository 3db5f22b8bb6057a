"""Secrets of the configuration that `compile` writes into a folder are told of, by their names alone (FT021)."""

from __future__ import annotations

from pathlib import Path

from ..commands.warm import warm
from .test_command import PLACED
from .test_command import write as write_flows

SECRETS = {
    "METAFLOW_SERVICE_AUTH_KEY": 'k"ey-7f3a',
    "METAFLOW_SERVICE_URL": "http://user:pass-91b@md:8080",
    "METAFLOW_TRIGGERS_UNUSED_TOKEN": "nowhere-in-a-file",
}
COMPILE = ("compile", ".", "--no-code-package", "--external-event", "order-placed")


def blocks(err: str) -> list[str]:
    return [block for block in err.split("\n\n") if "[FT021]: " in block]


def test_what_stands_in_the_folder_is_told_and_strict_refuses_it(tmp_path: Path) -> None:
    write_flows(tmp_path, ProcessOrder=PLACED)
    with warm(tmp_path / "home", **SECRETS) as run:
        for backend, kind in (("argo-workflows", "workflowtemplate.yaml"), ("step-functions", "templates")):
            named = ("--backend", backend)
            done = run(*COMPILE, *named, "--output", backend, cwd=tmp_path)
            assert done.code == 0, done.err
            assert any("ey-7f3a" in file.read_text() for file in (tmp_path / backend).rglob("*.yaml"))
            key, url = blocks(done.err)
            assert key.startswith("warning[FT021]: METAFLOW_SERVICE_AUTH_KEY is secret, and stands in clear")
            assert url.startswith("warning[FT021]: METAFLOW_SERVICE_URL is secret") and "without user and" in url
            assert f"on {backend} in {kind}" in key and f"on {backend} in {kind}" in url
            assert ("METAFLOW_KUBERNETES_SECRETS" in key) == (backend == "argo-workflows")
            assert "ey-7f3a" not in done.err and "pass-91b" not in done.err
        done = run(*COMPILE, "--output", "strict", "--strict", cwd=tmp_path)
        assert done.code == 1 and len(blocks(done.err)) == 2 and not (tmp_path / "strict").exists()
        assert not blocks(run("check", ".", cwd=tmp_path).err), "nothing is written"
