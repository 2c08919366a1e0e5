# SPDX-License-Identifier: Apache-2.0
"""The broker, by its decisions: who is vouched for, who may ask for what, what the record says."""

import json
import subprocess

import pytest

from zt import world as w
from zt.azure import Imds
from zt.daemon import Daemon
from zt.puppet import pass_socket, run_in_args
from zt.sh import PYTHON

COGNITIVE, VAULT = "https://cognitiveservices.azure.com", "https://vault.azure.net"
ONE, TWO = "0a000000-0000-0000-0000-00000000000f", "0b000000-0000-0000-0000-00000000000f"
LISTEN = "10.44.0.1:9466"  # of the machine, on the cable to the pod
PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
CALL = """
import http.client, json, sys
host, port, target, fields = json.load(sys.stdin)
c = http.client.HTTPConnection(host, port, timeout=10)
try:
    c.request("GET", target, headers=fields)
    r = c.getresponse()
    print(json.dumps([r.status, dict(r.getheaders()), r.read().decode()]))
except OSError as e:
    print(json.dumps([-e.errno if e.errno else -1, {}, str(e)]))
"""


def document():
    def profile(name, client, audiences, **more):
        identity = {"client_id": client, "audiences": audiences, "rate_per_minute": 10000}
        return {"name": name, "imds": "broker", "identity": identity, **more}

    return {
        "apiVersion": "zta/v1",
        "kind": "Policy",
        "metadata": {"name": "tokens"},
        "mode": "enforce",
        "profiles": [
            profile("one", ONE, [COGNITIVE, VAULT]),
            profile("two", TWO, [COGNITIVE]),
            profile("slow", TWO, [COGNITIVE]) | {
                "identity": {"audiences": [COGNITIVE], "rate_per_minute": 3}},
            profile("reported", ONE, [COGNITIVE], mode="audit"),
            {"name": "bare", "imds": "broker"},
            {"name": "shut", "egress": {"rules": [{"action": "allow", "cidr": "10.44.0.1"}]}},
        ],
        "workloads": [
            {"match": {"cgroup": f"/{name}"}, "profile": name}
            for name in ("one", "two", "slow", "reported", "bare", "shut")
        ],
    }


@pytest.fixture(scope="module")
def ztad(world, cgroups):
    d = Daemon(world.machine, cgroups)
    imds = Imds(world.machine)
    try:
        tokens = {"source": "imds", "imds_endpoint": imds.url}
        d.config.write_text(json.dumps({"broker": {"listen": LISTEN}, "tokens": tokens}))
        d.write_policy(document())
        d.start()
        d.wait_event("worker", lambda e: True, seconds=10)
        yield d
    finally:
        d.close()
        imds.close()


@pytest.fixture
def call(world, cgroups, ztad):
    """(status, fields, body) of one request from a cgroup; outside: not below the attach point."""

    def _call(name, target=PATH + COGNITIVE, pod=False, outside=False, direct=False, fields=None):
        group = cgroups.control(name) if outside else cgroups.inside(name)
        ns = world.pod if pod else world.machine
        host, _, port = (LISTEN if direct else f"{w.IMDS}:80").rpartition(":")
        given = json.dumps([host, int(port), target, fields or {"Metadata": "true"}])
        done = subprocess.run(
            [*run_in_args(group, ns.path), PYTHON, "-S", "-E", "-c", CALL],
            input=given, capture_output=True, text=True, timeout=30, check=True,
        )
        status, headers, body = json.loads(done.stdout)
        return status, headers, json.loads(body) if headers else body

    return _call


@pytest.fixture
def seen(ztad):
    """The token event with that reason, since this test began."""
    since = ztad.last_seq()

    def _seen(reason):
        ztad.http("POST", "/v1/flush")  # repeats of earlier tests' are folded
        return ztad.wait_event(
            reason, lambda e: e["type"] == "token" and e["reason"] == reason, since
        )

    return _seen


@pytest.mark.parametrize("pod", [False, True], ids=["machine", "another namespace"])
def test_a_workload_is_known_by_the_kernels_word(call, seen, pod):
    status, fields, body = call("one", PATH + "api://not-listed", pod=pod)
    assert status == 403
    assert body["error"] == "access_denied"
    event = seen("audience-not-allowed")
    assert event["verdict"] == "deny"
    assert event["workload"]["cgroup"] == "/one"
    assert event["workload"]["profile"] == "one"
    assert event["token"]["audience"] == "api://not-listed"
    assert event["token"]["identity"] == ONE
    assert event["process"]["pid"] > 0
    assert event["rule"] == "profiles[0].identity"


@pytest.mark.parametrize(
    "audience", ["https://management.azure.com", "https://management.core.windows.net/",
                 "https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"]
)
def test_management_and_graph_are_denied(call, audience):
    assert call("one", PATH + audience)[0] == 403


def test_what_one_may_ask_for_another_may_not(call, seen):
    assert call("two", PATH + VAULT)[0] == 403
    event = seen("audience-not-allowed")
    assert event["workload"]["cgroup"] == "/two"
    assert event["token"]["identity"] == TWO


def test_another_identity_cannot_be_asked_for(call, seen):
    assert call("two", f"{PATH}{COGNITIVE}&client_id={ONE}")[0] == 403
    assert seen("identity-not-allowed")["workload"]["cgroup"] == "/two"


def test_a_profile_without_an_identity(call, seen):
    assert call("bare")[0] == 403
    assert "identity" in seen("no-identity")["hint"]


def test_a_profile_that_does_not_use_the_broker(call, seen):
    assert call("shut")[0] < 0  # IMDS itself is closed
    assert call("shut", direct=True)[0] == 403
    assert seen("not-broker")["workload"]["profile"] == "shut"


def test_a_process_outside_any_workload_is_refused(call, seen):
    status, _, body = call("stranger", outside=True, direct=True)
    assert status == 403
    event = seen("unvouched")
    assert event["verdict"] == "deny"
    assert "workload" not in event
    assert call("stranger", outside=True, pod=True, direct=True)[0] == 403


@pytest.mark.parametrize(
    "target, fields, status",
    [
        ("/METADATA/identity/oauth2/token?api-version=2018-02-01&resource=" + COGNITIVE, None, 403),
        ("/metadata//identity/oauth2/token?api-version=2018-02-01&resource=" + COGNITIVE, None, 403),
        ("/metadata/identity%2foauth2/token?api-version=2018-02-01&resource=a", None, 400),
        ("/metadata/identity;/oauth2/token?api-version=2018-02-01&resource=a", None, 403),
        ("/metadata/instance?api-version=2021-02-01", None, 403),
        (PATH + COGNITIVE, {"X": "y"}, 400),
        (PATH + COGNITIVE, {"Metadata": "true", "X-Forwarded-For": "1.1.1.1"}, 400),
        ("/msi/token?api-version=2019-08-01&resource=" + COGNITIVE, None, 400),
    ],
)
def test_tricks_are_refused(call, seen, target, fields, status):
    assert call("one", target, fields=fields)[0] == status


def test_other_paths_of_imds_are_an_event(call, seen):
    call("one", "/metadata/instance?api-version=2021-02-01")
    assert seen("imds-path")["workload"]["cgroup"] == "/one"


def test_the_rate(call, seen):
    statuses = [call("slow") for _ in range(5)]
    assert [s[0] == 429 for s in statuses] == [False, False, False, True, True]
    assert 1 <= int(statuses[-1][1]["Retry-After"]) <= 60
    assert statuses[-1][2]["error_description"] == "Temporarily throttled, too many requests"
    assert seen("rate")["workload"]["cgroup"] == "/slow"


def test_audit_redirects_nothing(call, ztad):
    since = ztad.last_seq()
    assert call("reported")[0] != 200  # the peer behind the cable is no IMDS
    event = ztad.wait_event("use", lambda e: e["reason"] == "imds-broker", since)
    assert event["verdict"] == "audit"
    assert event["workload"]["profile"] == "reported"


def test_a_workload_hears_its_own_denials_and_no_others(call, ztad):
    call("two", PATH + "api://of-two")
    call("one", PATH + "api://of-one")
    status, _, body = call("one", "/why", fields={"A": "b"})
    assert status == 200
    audiences = [d.get("token", {}).get("audience") for d in body["denials"]]
    assert "api://of-one" in audiences
    assert "api://of-two" not in audiences
    assert all("process" not in d and "host" not in d for d in body["denials"])
    assert call("stranger", "/why", outside=True, direct=True, fields={"A": "b"})[0] == 403


def ask_over(sock, audience):
    """One request over a socket of a puppet."""
    sock.sendall(f"GET {PATH}{audience} HTTP/1.1\r\nHost: a\r\nMetadata: true\r\n\r\n".encode())
    return int(sock.recv(65536).split()[1])


def test_a_socket_that_one_made_and_another_connects(troupe, ztad, seen):
    one, two = troupe.get("one"), troupe.get("two")
    sock = pass_socket(one, one.tcp(), two)
    sock.connect((w.IMDS, 80))
    assert ask_over(sock, COGNITIVE) == 403
    event = seen("two-identities")
    assert event["workload"]["cgroup"] == "/two"
    assert event["maker"]["cgroup"] == "/one"


def test_a_connection_that_is_given_away_stays_its_makers(troupe, ztad, seen):
    """The rule written down: whoever hands an open connection on, hands on what it can ask for."""
    one, two = troupe.get("one"), troupe.get("two")
    sock = one.tcp()
    sock.connect((w.IMDS, 80))
    given = pass_socket(one, sock, two)
    assert ask_over(given, "api://given") == 403
    assert seen("audience-not-allowed")["workload"]["cgroup"] == "/one"


def test_a_forwarded_port_is_the_forwarders(troupe, world, ztad, seen):
    """Likewise: what a proxy asks for, it asks for as itself."""
    one, two = troupe.get("one"), troupe.get("two")
    port = world.unserved_port()
    listener = one.listen("127.0.0.1", port)
    client = two.tcp()
    client.connect(("127.0.0.1", port))
    inner, _ = listener.accept()
    out = one.tcp()
    out.connect((w.IMDS, 80))
    client.sendall(f"GET {PATH}api://fwd HTTP/1.1\r\nHost: a\r\nMetadata: true\r\n\r\n".encode())
    out.sendall(inner.recv(65536))
    inner.sendall(out.recv(65536))
    assert int(client.recv(65536).split()[1]) == 403
    assert seen("audience-not-allowed")["workload"]["cgroup"] == "/one"


def test_a_reload_counts_for_open_connections(troupe, ztad, seen):
    one = troupe.get("one")
    sock = one.tcp()
    sock.connect((w.IMDS, 80))
    assert ask_over(sock, VAULT) in (200, 503)
    less = document()
    less["profiles"][0]["identity"]["audiences"] = [COGNITIVE]
    ztad.apply(less)
    try:
        assert ask_over(sock, VAULT) == 403
    finally:
        ztad.apply(document())


def test_the_worker_dies_and_the_next_one_serves(call, ztad):
    status = ztad.get("status")["worker"]
    subprocess.run(["kill", "-9", str(status["pid"])], check=True)
    assert call("one", PATH + "api://after")[0] == 403  # waits in the backlog, or comes again
    assert ztad.get("status")["worker"]["pid"] != status["pid"]


def test_what_is_cached_and_whether_one_can_be_had(ztad):
    assert isinstance(ztad.ctl("token", "list"), list)
    code, said = ztad.ctl_code("token", "test", "--audience", COGNITIVE, "--profile", "one")
    assert said["audience"] == COGNITIVE
    assert (code, said["ok"]) in ((0, True), (1, False))
    assert said["ok"] or said["detail"]
    code, said = ztad.ctl_code("token", "test", "--audience", COGNITIVE, "--profile", "none")
    assert code == 2
    code, said = ztad.ctl_code("token", "test", "--audience", "a b")
    assert code == 2


def test_counts(call, ztad):
    series = 'zta_token_requests_total{source="",result="refused"}'
    before = ztad.metric(series)
    assert ztad.metric('zta_token_requests_total{source="imds",result="granted"}') >= 0
    call("one", PATH + "api://counted")
    assert ztad.metric(series) == before + 1
    status = ztad.get("status")
    assert status["tokens"]["refused"] == before + 1
    assert status["broker"] == LISTEN
    assert status["worker"]["ready"] is True


def test_doctor_tells_of_broker_and_worker(ztad):
    checks = {c["check"]: c for c in ztad.get("doctor")}
    assert checks["broker"]["ok"] is True
    assert LISTEN in checks["broker"]["detail"]
    assert "runs as" in checks["worker"]["detail"]
    assert checks["worker"]["required"] is False
