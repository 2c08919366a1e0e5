# SPDX-License-Identifier: Apache-2.0
"""Azure's own SDKs, unmodified, in workloads: they ask IMDS, and get what the broker gives.

Behind the broker stands a strict IMDS (zt.azure): a request that no correct client sends fails.
"""

import base64
import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

import zt
from zt import world as w
from zt.azure import Imds
from zt.daemon import Daemon
from zt.puppet import run_in_args
from zt.sh import PYTHON, wait_for

COGNITIVE, VAULT = "https://cognitiveservices.azure.com", "https://vault.azure.net"
ARM = "https://management.azure.com"
ONE, TWO = "0a000000-0000-0000-0000-00000000000f", "0b000000-0000-0000-0000-00000000000f"
LISTEN = "10.44.0.1:9466"

GET = """
import json, logging, sys
from azure.identity import {0}
given = json.load(sys.stdin)
try:
    token = {0}(**given["options"]).get_token(given["audience"] + "/.default")
    print(json.dumps(["token", token.token, token.expires_on]))
except Exception as e:
    print(json.dumps([type(e).__name__, str(e), 0]))
"""
GET_JS = """
const { ManagedIdentityCredential } = require("@azure/identity");
const given = JSON.parse(process.argv[1]);
new ManagedIdentityCredential(given.options).getToken(given.audience + "/.default")
  .then(t => console.log(JSON.stringify(["token", t.token, t.expiresOnTimestamp / 1000])))
  .catch(e => console.log(JSON.stringify([e.name, e.message, 0])));
"""


def claims_of(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def document():
    def profile(name, client, audiences):
        return {"name": name, "imds": "broker", "identity": {
            "client_id": client, "audiences": audiences, "rate_per_minute": 60000}}

    return {
        "apiVersion": "zta/v1", "kind": "Policy", "metadata": {"name": "sdk"}, "mode": "enforce",
        "profiles": [profile("one", ONE, [COGNITIVE, VAULT]), profile("two", TWO, [COGNITIVE])],
        "workloads": [{"match": {"cgroup": f"/{n}"}, "profile": n} for n in ("one", "two")],
    }


def config(imds):
    return {"broker": {"listen": LISTEN}, "tokens": {"source": "imds", "imds_endpoint": imds.url}}


@pytest.fixture(scope="module")
def imds(world):
    service = Imds(world.machine)
    yield service
    service.close()


@pytest.fixture(scope="module")
def ztad(world, cgroups, imds):
    d = Daemon(world.machine, cgroups)
    try:
        d.config.write_text(json.dumps(config(imds)))
        d.write_policy(document())
        yield d.start()
    finally:
        d.close()


@pytest.fixture
def run(world, cgroups, ztad):
    """What a program in a cgroup prints, as JSON; `env` replaces Azure's part of ours."""

    def _run(name, program, given="", pod=False, outside=False, env=None):
        group = cgroups.control(name) if outside else cgroups.inside(name)
        ns = world.pod if pod else world.machine
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "IDENTITY_"))}
        done = subprocess.run(
            [*run_in_args(group, ns.path), *program], input=given, capture_output=True,
            text=True, timeout=60, check=False, env=clean | (env or {}),
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return _run


@pytest.fixture
def get(run):
    def _get(name, audience=COGNITIVE, kind="ManagedIdentityCredential", options=None, **more):
        given = json.dumps({"audience": audience, "options": options or {}})
        return run(name, [PYTHON, "-c", GET.format(kind)], given, **more)

    return _get


@pytest.mark.parametrize("pod", [False, True], ids=["machine", "another namespace"])
@pytest.mark.parametrize("kind", ["ManagedIdentityCredential", "DefaultAzureCredential"])
def test_a_program_gets_the_token_of_its_workload(get, kind, pod):
    word, token, expires = get("one", kind=kind, pod=pod)
    assert word == "token", token
    assert claims_of(token)["appid"] == ONE
    assert claims_of(token)["aud"] == COGNITIVE
    assert abs(expires - time.time() - 86400) < 300


def test_each_workload_gets_its_own_identity(get):
    tokens = {name: claims_of(get(name)[1])["appid"] for name in ("one", "two", "one", "two")}
    assert tokens == {"one": ONE, "two": TWO}


def test_by_client_id_it_gets_its_own_and_no_other(get):
    assert get("one", options={"client_id": ONE})[0] == "token"
    word, text, _ = get("two", options={"client_id": ONE})
    assert word != "token"
    assert "identity" in text


@pytest.mark.parametrize("name, audience", [("two", VAULT), ("one", ARM), ("two", ARM)])
def test_what_is_not_listed_is_denied(get, ztad, name, audience):
    since = ztad.last_seq()
    word, text, _ = get(name, audience)
    assert word != "token"
    assert "audience" in text  # the SDK shows what the broker said
    ztad.http("POST", "/v1/flush")
    event = ztad.wait_event("refusal", lambda e: e["reason"] == "audience-not-allowed", since)
    assert event["token"]["audience"] == audience


def test_a_neighbour_outside_is_refused_with_an_event(get, ztad):
    since = ztad.last_seq()
    env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://{LISTEN}"}
    word, _, _ = get("stranger", outside=True, env=env)
    assert word != "token"
    ztad.wait_event("refusal", lambda e: e["reason"] == "unvouched", since)


def test_the_shape_of_app_service(get):
    env = {"IDENTITY_ENDPOINT": f"http://{LISTEN}/msi/token", "IDENTITY_HEADER": "x"}
    word, token, _ = get("two", env=env)
    assert word == "token", token
    assert claims_of(token)["appid"] == TWO


def test_one_call_of_the_source_for_many(get, imds, ztad):
    for name in ("one", "two"):
        get(name)
    asked = len(imds.calls)
    for name in ("one", "two", "one", "two"):
        assert get(name)[0] == "token"
    assert len(imds.calls) == asked
    cached = {(t["audience"], t["identity"]) for t in ztad.ctl("token", "list")}
    assert {(COGNITIVE, ONE), (COGNITIVE, TWO)} <= cached
    assert get("one")[1] not in json.dumps(ztad.ctl("token", "list"))


def test_the_record_of_a_grant_has_no_token(get, ztad):
    since = ztad.last_seq()
    _, token, _ = get("one")
    ztad.http("POST", "/v1/flush")
    event = ztad.wait_event(
        "grant",
        lambda e: e["reason"] == "granted" and e["workload"]["cgroup"] == "/one",
        since,
    )
    assert event["verdict"] == "allow"
    assert event["token"]["source"] == "imds"
    assert event["token"]["identity"] == ONE
    assert event["token"]["cached"] in (True, False)
    assert event["token"]["expires"].startswith("20")
    journal = b"".join(p.read_bytes() for p in ztad.state.rglob("*.jsonl"))
    assert token.encode() not in journal
    assert token not in ztad.log.read_text()
    assert ztad.metric('zta_token_requests_total{source="imds",result="granted"}') >= 1
    assert ztad.metric(f'zta_token_expires_seconds{{audience="{COGNITIVE}"}}') > 80000


def test_can_one_be_had(ztad):
    code, said = ztad.ctl_code("token", "test", "--audience", COGNITIVE, "--profile", "one")
    assert (code, said["ok"], said["source"]) == (0, True, "imds")


@pytest.mark.parametrize("pod", [False, True], ids=["machine", "another namespace"])
def test_the_sdk_for_javascript(run, pod):
    modules = os.environ.get("ZTA_AZURE_IDENTITY_JS", "")
    if not modules:
        pytest.skip("no @azure/identity: ZTA_AZURE_IDENTITY_JS names a node_modules with it")
    env = {"NODE_PATH": modules}
    for name, client in (("one", ONE), ("two", TWO)):
        given = json.dumps({"audience": COGNITIVE, "options": {}})
        node = [shutil.which("node"), "-e", GET_JS, given]
        word, token, _ = run(name, node, env=env, pod=pod)
        assert word == "token", token
        assert claims_of(token)["appid"] == client


PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="


@pytest.fixture
def crowd(run):
    def _crowd(name, clients, target, **more):
        script = Path(zt.__file__).parent / "crowd.py"
        return run(name, [PYTHON, "-S", "-E", script, w.IMDS, "80", str(clients), target], **more)

    return _crowd


def test_a_thousand_clients_on_a_cold_cache(crowd, imds, ztad):
    subprocess.run(["kill", "-9", str(ztad.get("status")["worker"]["pid"])], check=True)
    before = len(imds.calls)
    assert crowd("one", 1000, PATH + VAULT)["statuses"] == {"200": 1000}
    assert len(imds.calls) == before + 1


def test_the_worker_ends_in_the_middle_of_a_request(get, imds, ztad):
    """The client gets an error or a token, not silence; the next request works."""
    imds.delay = 3.0
    pid = ztad.get("status")["worker"]["pid"]
    subprocess.run(["kill", "-9", str(pid)], check=True)  # forgets what it had
    got = []
    client = threading.Thread(target=lambda: got.append(get("one")))
    client.start()
    wait_for("the source to be asked", lambda: imds.now, 10)
    subprocess.run(["kill", "-9", str(ztad.get("status")["worker"]["pid"])], check=True)
    imds.delay = 0.0
    client.join(30)
    assert got, "the client still waits"
    assert get("one")[0] == "token"


def test_a_source_that_is_ill(crowd, imds, ztad):
    imds.script = [(500, {}, {"error": "unknown", "error_description": "ill"})] * 100
    subprocess.run(["kill", "-9", str(ztad.get("status")["worker"]["pid"])], check=True)
    try:
        assert crowd("one", 3, PATH + COGNITIVE)["statuses"] == {"503": 3}
        event = ztad.wait_event("upstream", lambda e: e["reason"] == "upstream")
        assert event["verdict"] == "deny"
        assert event["hint"]
    finally:
        imds.script = []
