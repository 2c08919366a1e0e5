# SPDX-License-Identifier: Apache-2.0
"""Kubernetes: a workload's token is had with the token projected into its own pod, or not at all."""

import json
import os
import subprocess

import pytest

from zt import azure
from zt import world as w
from zt.azure import Entra, Imds
from zt.daemon import Daemon
from zt.puppet import run_in_args
from zt.sh import PYTHON

COGNITIVE = "https://cognitiveservices.azure.com"
ONE = "0a000000-0000-0000-0000-00000000000f"
LISTEN = "127.0.0.1:9466"
PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
CALL = """
import http.client, json, sys
c = http.client.HTTPConnection(sys.argv[1], timeout=20)
c.request("GET", sys.argv[2], headers={"Metadata": "true"})
r = c.getresponse()
print(json.dumps([r.status, r.read().decode()]))
"""
POD_A, POD_B = (f"0d1f1c5a-6b1e-4c3a-9d52-7a4c2f0b9e1{n}" for n in "ab")
BARE = "0d1f1c5a-6b1e-4c3a-9d52-7a4c2f0b9e1c"  # nothing is projected into it
OURS = azure.jwt(sub="ztad's own")


def slice_of(uid: str) -> str:
    return f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid.replace('-', '_')}.slice"


def document() -> dict:
    identity = {"client_id": ONE, "audiences": [COGNITIVE, "api://x"], "rate_per_minute": 60000}
    return {
        "apiVersion": "zta/v1", "kind": "Policy", "metadata": {"name": "pods"}, "mode": "enforce",
        "profiles": [{"name": "pods", "imds": "broker", "identity": identity}],
        "workloads": [
            {"match": {"cgroup": "/kubepods.slice/kubepods-burstable.slice/*"}, "profile": "pods"},
            {"match": {"cgroup": "/kubepods.slice"}, "profile": "pods"},
            {"match": {"cgroup": "/host"}, "profile": "pods"},
        ],
    }  # fmt: skip


class Kubelet:
    """What kubelet makes of projected tokens."""

    def __init__(self, directory):
        self.dir, self.turn = directory, 0

    def project(self, uid: str, token: str, volume: str = "azure-identity-token") -> None:
        at = self.dir / "pods" / uid / "volumes" / "kubernetes.io~projected" / volume
        self.turn += 1
        data = at / f"..2026_{self.turn}"
        data.mkdir(parents=True)
        (data / "azure-identity-token").write_text(token)
        (data / "azure-identity-token").chmod(0o600)
        (at / "..new").symlink_to(data.name)
        os.rename(at / "..new", at / "..data")
        if not (at / "azure-identity-token").is_symlink():
            (at / "azure-identity-token").symlink_to("..data/azure-identity-token")


@pytest.fixture
def kubelet(tmp_path):
    return Kubelet(tmp_path / "kubelet")


@pytest.fixture
def entra(world, tmp_path):
    server = Entra(world.machine, tmp_path)
    yield server
    server.close()


@pytest.fixture
def begin(daemon, entra, kubelet, tmp_path):
    """Start the daemon; its own federated token is there to be misused."""

    def _begin(**tokens: str) -> Daemon:
        own = tmp_path / "own"
        own.write_text(OURS)
        tokens = {"kubelet_dir": str(kubelet.dir), "tenant_id": azure.TENANT, **tokens,
                  "authority_host": entra.authority, "token_file": str(own)}  # fmt: skip
        daemon.config.write_text(json.dumps(
            {"broker": {"listen": LISTEN}, "ca_file": str(entra.ca), "tokens": tokens}))
        daemon.write_policy(document())
        return daemon.start()

    kubelet.dir.mkdir()
    return _begin


@pytest.fixture
def ask(world, cgroups):
    def _ask(cgroup: str, audience: str = COGNITIVE) -> tuple[int, dict]:
        done = subprocess.run(
            [*run_in_args(cgroups.inside(cgroup), world.machine.path), PYTHON, "-S", "-E", "-c",
             CALL, w.IMDS, PATH + audience],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        status, body = json.loads(done.stdout)
        return status, json.loads(body)

    return _ask


def test_each_pod_by_its_own_token(begin, ask, kubelet, entra):
    a, b = azure.jwt(sub="a"), azure.jwt(sub="b")
    kubelet.project(POD_A, a)
    kubelet.project(POD_B, b, volume="azure-workload-identity-reserved-0a1b")
    begin(source="workload-identity")
    first, second = ask(slice_of(POD_A)), ask(slice_of(POD_B))
    assert (first[0], second[0]) == (200, 200), (first, second)
    assert entra.assertions == [a, b]  # the same identity and audience: not the same token
    assert first[1]["access_token"] != second[1]["access_token"]
    assert first[1]["client_id"] == ONE
    again = ask(slice_of(POD_A) + "/cri-containerd-0a.scope")
    assert again[1]["access_token"] == first[1]["access_token"]
    assert len(entra.calls) == 2
    turned = azure.jwt(sub="a", turn=2)
    kubelet.project(POD_A, turned)
    assert ask(slice_of(POD_A), "api://x")[0] == 200
    assert entra.assertions[-1] == turned


@pytest.mark.parametrize("who", [slice_of(BARE), "kubepods.slice"])
def test_our_own_is_for_nobody_else(begin, ask, entra, daemon, who):
    begin(source="workload-identity")
    status, body = ask(who)
    assert status == 400 and "projected" in body["error_description"]
    assert not entra.assertions
    daemon.wait_event("the failure", lambda e: e["type"] == "token" and e["verdict"] == "deny")


def test_a_host_process_in_kubernetes_has_no_pod(begin, ask, entra, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    begin(source="workload-identity")
    assert ask("host")[0] == 400
    assert not entra.assertions


def test_a_pod_with_a_token_does_not_need_imds(begin, ask, entra, kubelet, world):
    imds = Imds(world.machine)
    a = azure.jwt(sub="a")
    kubelet.project(POD_A, a)
    begin(source="imds", imds_endpoint=imds.url)
    assert ask(slice_of(POD_A))[0] == 200
    assert entra.assertions == [a] and not imds.calls
    assert ask(slice_of(BARE))[0] == 200
    assert entra.assertions == [a] and len(imds.calls) == 1
    imds.close()


def test_a_symlink_in_the_volume_leads_nowhere(begin, ask, entra, kubelet, tmp_path):
    (tmp_path / "prey").mkdir()
    (tmp_path / "prey" / "azure-identity-token").write_text(azure.jwt(sub="prey"))
    at = kubelet.dir / "pods" / POD_A / "volumes" / "kubernetes.io~projected"
    (at / "azure-identity-token").mkdir(parents=True)
    (at / "azure-identity-token" / "..data").symlink_to(tmp_path / "prey")
    begin(source="workload-identity")
    assert ask(slice_of(POD_A))[0] == 400
    assert not entra.assertions
