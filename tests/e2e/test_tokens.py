# SPDX-License-Identifier: Apache-2.0
"""Where tokens come from: each source by its own words, its failures, and what is kept."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from zt import azure, policy
from zt.azure import AppService, Arc, Entra, Imds
from zt.daemon import Daemon
from zt.sh import wait_for

COGNITIVE, VAULT = "https://cognitiveservices.azure.com", "https://vault.azure.net"
ONE, TWO = "0a000000-0000-0000-0000-00000000000f", "0a000000-0000-0000-0000-00000000001f"
ARC_DIR = Path("/var/opt/azcmagent/tokens")


class Site:
    """A daemon with one source of tokens, and the server that is it."""

    def __init__(self, daemon: Daemon):
        self.daemon = daemon

    def start(self, env: dict | None = None, **tokens: str) -> None:
        config: dict = {"tokens": tokens} if tokens else {}
        if "ca_file" in tokens:
            config["ca_file"] = tokens.pop("ca_file")
        self.daemon.config.write_text(json.dumps(config))
        self.daemon.spawn(env=env)
        self.daemon.wait_up()
        wait_for("the worker", lambda: self.daemon.get("status")["worker"]["ready"], 10)

    def test(self, audience: str = COGNITIVE, client: str = "") -> dict:
        query = f"audience={audience}" + (f"&client_id={client}" if client else "")
        status, body = self.daemon.http("POST", f"/v1/token/test?{query}", seconds=40)
        assert status == 200, body
        return json.loads(body)

    def good(self, audience: str = COGNITIVE, client: str = "") -> dict:
        said = self.test(audience, client)
        assert said["ok"], said
        return said


@pytest.fixture
def site(daemon):
    return Site(daemon)


@pytest.fixture
def imds(world):
    server = Imds(world.machine)
    yield server
    server.close()


@pytest.fixture
def entra(world, tmp_path):
    server = Entra(world.machine, tmp_path)
    yield server
    server.close()


# --- the instance metadata service


def test_imds_identities(site, imds):
    site.start(source="imds", imds_endpoint=imds.url)
    said = site.good()
    assert said["source"] == "imds" and not said["cached"]
    assert said["client_id"] == azure.SYSTEM
    assert 86000 < said["expires_s"] <= 86400
    assert site.good(client=ONE)["client_id"] == ONE
    assert site.good()["cached"] and site.good(client=ONE.upper())["cached"]
    assert [c[1] for c in imds.calls] == [
        {"resource": COGNITIVE}, {"resource": COGNITIVE, "client_id": ONE}]  # fmt: skip
    listed = site.daemon.ctl("token", "list")
    assert {(e["source"], e["audience"], e.get("identity")) for e in listed} == {
        ("imds", COGNITIVE, None), ("imds", COGNITIVE, ONE)}  # fmt: skip


def test_imds_is_found_by_itself_and_the_environment_counts(site, imds):
    site.start(env={"AZURE_POD_IDENTITY_AUTHORITY_HOST": imds.url,
                    "MANAGED_IDENTITY_CLIENT_ID": TWO, "AZURE_CLIENT_ID": ONE})  # fmt: skip
    assert site.good()["client_id"] == TWO


@pytest.mark.parametrize("reply", ["3599", 3599])
def test_numbers_and_strings(site, imds, reply):
    imds.change = lambda r: {k: v for k, v in r.items() if k != "expires_on"} | {
        "expires_in": reply}  # fmt: skip
    site.start(source="imds", imds_endpoint=imds.url)
    assert 3500 < site.good()["expires_s"] <= 3599


@pytest.mark.parametrize(
    "status, fields, least",
    [(404, {}, 1), (429, {"Retry-After": "3"}, 3), (500, {}, 1), (410, {}, 10)],
)
def test_imds_is_asked_again(site, imds, status, fields, least):
    imds.script = [(status, fields, {"error": "unknown", "error_description": "x"})]
    site.start(source="imds", imds_endpoint=imds.url)
    assert site.good()["ok"]
    first, second = imds.calls[0][0], imds.calls[1][0]
    assert least <= second - first < least * 1.1 + 2, second - first


def test_a_refusal_is_told_and_not_repeated(site, imds):
    error = {"error": "invalid_resource", "error_description": "AADSTS500011: no such\r\nTrace"}
    imds.script = [(400, {}, error)]
    site.start(source="imds", imds_endpoint=imds.url)
    said = site.test()
    assert not said["ok"] and said["status"] == 400
    assert "AADSTS500011: no such" in said["detail"] and "Trace" not in said["detail"]
    assert "AADSTS500011" in site.test()["detail"]  # within five seconds: as it was
    assert len(imds.calls) == 1
    wait_for("another try", lambda: site.test()["ok"], 10)


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "http://127.0.0.1:1/"}, {}),
        (200, {"Content-Type": "text/html"}, b"<html>log in</html>"),
        (200, {}, b"{" + b" " * 70000 + b"}"),
        (200, {}, {"access_token": "a", "token_type": "Bearer"}),
        (200, {"Content-Length": "4000", "Connection": "close"}, b'{"access_token":"a'),
    ],
    ids=["redirect", "a page", "huge", "no expiry", "truncated"],
)
def test_what_is_no_token(site, imds, answer):
    imds.script = [answer] * 8
    site.start(source="imds", imds_endpoint=imds.url)
    said = site.test()
    assert not said["ok"] and said["detail"].startswith("imds: "), said
    listed = site.daemon.ctl("token", "list")
    assert "expires" not in listed[0] and listed[0]["error"] == said["detail"]


def test_another_identity_than_asked_for_is_refused(site, imds):
    """As a machine with one user-assigned identity does for whoever asks for another."""
    imds.identity = lambda asked: (TWO, azure.object_of(TWO), azure.resource_of(TWO))
    site.start(source="imds", imds_endpoint=imds.url)
    said = site.test(client=ONE)
    assert not said["ok"] and TWO in said["detail"]
    said = site.test()
    assert not said["ok"] and "system-assigned" in said["detail"]
    assert site.good(client=TWO)["client_id"] == TWO


def test_a_thousand_at_once_are_one_call(site, imds):
    imds.delay = 0.5
    site.start(source="imds", imds_endpoint=imds.url)
    path = f"/v1/token/test?audience={COGNITIVE}"
    script = (
        "import http.client,socket,sys,threading,collections\n"
        "said=collections.Counter()\n"
        "def one():\n"
        "    s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1])\n"
        "    c=http.client.HTTPConnection('a');c.sock=s;c.request('POST',sys.argv[2])\n"
        "    said[b'\"ok\":true' in c.getresponse().read().replace(b' ',b'')]+=1\n"
        "t=[threading.Thread(target=one) for _ in range(40)]\n"
        "[x.start() for x in t];[x.join() for x in t];print(dict(said))\n"
    )
    out = subprocess.run(
        ["/usr/bin/python3", "-c", script, str(site.daemon.socket), path],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert out.stdout.strip() == "{True: 40}", out
    assert len(imds.calls) == 1
    for n in range(6):
        site.daemon.http("POST", f"/v1/token/test?audience=api://{n}")
    assert imds.most <= 2


def test_renewed_before_it_ends_and_served_while_that_fails(site, imds):
    imds.life = 640  # half of it is far, but it is not good any more 300 s before its end
    imds.change = lambda r: {**r, "refresh_in": "2"}
    site.start(source="imds", imds_endpoint=imds.url)
    site.good()
    imds.script = [(400, {}, {"error": "invalid_request"})]
    wait_for("a refresh", lambda: len(imds.calls) >= 2, 10)
    assert site.good()["cached"]
    listed = site.daemon.ctl("token", "list")
    assert "invalid_request" in listed[0]["error"] and listed[0]["expires_s"] > 300


def test_a_source_that_wants_to_be_left_alone_is(site, imds):
    imds.script = [(429, {"Retry-After": "100"}, {"error": "invalid_request"})]
    site.start(source="imds", imds_endpoint=imds.url)
    began = time.monotonic()
    assert "HTTP 429" in site.test()["detail"]
    said = site.test("api://another")
    assert not said["ok"] and "does not answer" in said["detail"], said
    assert time.monotonic() - began < 2 and len(imds.calls) == 1


# --- App Service, Arc


def test_app_service(site, world):
    app = AppService(world.machine)
    site.start(env=app.env)
    assert site.good()["source"] == "app-service"
    assert site.good(client=ONE)["client_id"] == ONE
    app.close()


@pytest.fixture
def arc(world):
    assert not ARC_DIR.exists(), "this machine is a real Arc machine"
    made = next(p for p in reversed([ARC_DIR, *ARC_DIR.parents]) if not p.exists())
    ARC_DIR.mkdir(parents=True)
    server = Arc(world.machine)
    server.realm = str(ARC_DIR / "a.key")
    (ARC_DIR / "a.key").write_text(server.key)
    yield server
    shutil.rmtree(made)
    server.close()


def test_arc(site, arc):
    site.start(env=arc.env)
    assert site.good()["source"] == "arc"
    assert site.good(client=ONE)["client_id"] == ONE
    assert arc.challenges == 2 and len(arc.calls) == 4


@pytest.mark.parametrize("trick", ["elsewhere", "dots", "symlink", "large", "suffix", "no realm"])
def test_arc_files_that_are_not_read(site, arc, tmp_path, trick):
    other = tmp_path / "x.key"
    other.write_text("not for you")
    (ARC_DIR / "a.key").unlink()
    if trick == "elsewhere":
        arc.realm = str(other)
    elif trick == "dots":
        (ARC_DIR.parent / "x.key").write_text(arc.key)
        arc.realm = f"{ARC_DIR}/../x.key"
    elif trick == "symlink":
        (ARC_DIR / "a.key").symlink_to(other)
    elif trick == "large":
        (ARC_DIR / "a.key").write_text("k" * 4097)
    elif trick == "suffix":
        (ARC_DIR / "a.txt").write_text(arc.key)
        arc.realm = str(ARC_DIR / "a.txt")
    else:
        arc.realm = ""
    site.start(env=arc.env)
    said = site.test()
    assert not said["ok"] and "challenge" in said["detail"], said
    assert not any(c[1]["answered"] for c in arc.calls)


def test_arc_without_a_challenge_is_not_arc(site, arc):
    arc.script = [(200, {}, arc.token({"resource": COGNITIVE}))]
    site.start(env=arc.env)
    assert "not the agent" in site.test()["detail"]


def test_arc_must_repeat_the_identity(site, arc):
    arc.change = lambda r: {k: v for k, v in r.items() if k != "client_id"}
    site.start(env=arc.env)
    said = site.test(client=ONE)
    assert not said["ok"] and "repeat" in said["detail"]


# --- Entra


def workload_env(entra, path, **more):
    return {"AZURE_TENANT_ID": azure.TENANT, "AZURE_CLIENT_ID": ONE,
            "AZURE_FEDERATED_TOKEN_FILE": str(path),
            "AZURE_AUTHORITY_HOST": entra.authority, **more}  # fmt: skip


def test_workload_identity_reads_its_file_each_time(site, entra, tmp_path):
    first, second = azure.jwt(sub="first"), azure.jwt(sub="second")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "token").write_text(first)
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "token").symlink_to("..data/token")
    site.daemon.config.write_text(json.dumps({"ca_file": str(entra.ca)}))
    site.daemon.spawn(env=workload_env(entra, tmp_path / "token"))
    site.daemon.wait_up()
    wait_for("the worker", lambda: site.daemon.get("status")["worker"]["ready"], 10)
    assert site.good()["source"] == "workload-identity"
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "token").write_text(second + "\n")
    (tmp_path / "new").symlink_to("2")
    os.rename(tmp_path / "new", tmp_path / "..data")  # as kubelet swaps them
    assert site.good(VAULT + "/")["client_id"] == ONE
    assert entra.assertions == [first, second]
    assert entra.calls[-1][1]["scope"] == VAULT + "//.default"


def test_an_expired_assertion_is_read_anew_at_once(site, entra, tmp_path):
    path = tmp_path / "token"
    path.write_text(azure.jwt(sub="old"))
    expired = {"error": "invalid_client", "error_description": "AADSTS700024: expired",
               "error_codes": [700024]}  # fmt: skip
    entra.script = [(401, {}, expired)]
    site.start(env=workload_env(entra, path), source="chain", ca_file=str(entra.ca))
    site.good()
    assert entra.calls[1][0] - entra.calls[0][0] < 1
    entra.script = [(401, {}, expired)] * 2
    said = site.test(VAULT)
    assert not said["ok"] and "AADSTS700024" in said["detail"]
    assert len(entra.calls) == 4


def test_entra_that_is_not_entra(site, entra, tmp_path):
    """A certificate that nobody vouches for: nothing is sent."""
    path = tmp_path / "token"
    path.write_text(azure.jwt(sub="a"))
    site.start(env=workload_env(entra, path))
    said = site.test()
    assert not said["ok"] and "certificate" in said["detail"], said
    assert not entra.assertions


@pytest.mark.parametrize("content", ["", "two words", "a\nb"])
def test_a_file_that_holds_no_assertion(site, entra, tmp_path, content):
    path = tmp_path / "token"
    path.write_text(content)
    site.start(env=workload_env(entra, path))
    assert "does not hold a token" in site.test()["detail"]
    path.unlink()
    os.mkfifo(path)  # nobody waits for whoever would write
    said = site.test("api://pipe")
    assert not said["ok"] and "cannot open" in said["detail"]


def test_identity_bindings(site, entra, tmp_path, world):
    """AKS: the proxy is asked in the place of Entra, by its own name and authority."""
    path = tmp_path / "token"
    path.write_text(azure.jwt(sub="a"))
    entra.prefix = "/proxy"
    env = workload_env(entra, path, AZURE_AUTHORITY_HOST="https://login.example/",
                       AZURE_KUBERNETES_TOKEN_PROXY=f"https://127.0.0.1:{entra.port}/proxy",
                       AZURE_KUBERNETES_SNI_NAME="localhost",
                       AZURE_KUBERNETES_CA_FILE=str(entra.ca))  # fmt: skip
    site.start(env=env)
    assert site.good()["source"] == "workload-identity"


def test_identity_bindings_half_set(site, entra, tmp_path):
    site.start(env=workload_env(entra, tmp_path / "t", AZURE_KUBERNETES_SNI_NAME="x"))
    assert "AZURE_KUBERNETES_TOKEN_PROXY" in site.test()["detail"]


def test_certificate(site, entra, tmp_path):
    key, cert = azure.make_certificate(tmp_path / "client", "client")
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    both.chmod(0o600)
    entra.accepts = azure.check_certificate_assertion(cert, ONE)
    site.start(source="certificate", tenant_id=azure.TENANT, client_id=ONE, ca_file=str(entra.ca),
               authority_host=entra.authority, certificate_file=str(both))  # fmt: skip
    said = site.good()
    assert said["source"] == "certificate" and said["client_id"] == ONE
    site.good(VAULT)
    both.write_bytes(cert.read_bytes())
    assert "no private key" in site.test("api://no-key")["detail"]


# --- the chain


def test_the_chain_says_what_it_cannot_do(site, imds):
    site.start(env={"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"})
    said = site.test()
    assert not said["ok"] and "AzureCliCredential" in said["detail"]


def test_the_chain_can_be_told(site, imds, entra, tmp_path):
    env = workload_env(entra, tmp_path / "token", AZURE_POD_IDENTITY_AUTHORITY_HOST=imds.url,
                       AZURE_TOKEN_CREDENTIALS="managedidentitycredential")  # fmt: skip
    site.start(env=env)
    assert site.good()["source"] == "imds" and imds.calls[0][1]["client_id"] == ONE


# --- where no token may be


def test_no_token_is_seen_anywhere(site, imds):
    secret = azure.jwt(sub="nobody may see this", appid=azure.SYSTEM)
    imds.change = lambda r: {**r, "access_token": secret}
    site.start(source="imds", imds_endpoint=imds.url)
    site.good()
    needle = secret.split(".")[1].encode()
    worker = site.daemon.get("status")["worker"]["pid"]
    assert needle not in site.daemon.log.read_bytes()
    for path in site.daemon.state.rglob("*"):
        assert not path.is_file() or needle not in path.read_bytes()
    for pid in (worker, site.daemon.proc.pid):
        for name in ("cmdline", "environ"):
            assert needle not in Path(f"/proc/{pid}/{name}").read_bytes()
    assert needle.decode() not in json.dumps(site.daemon.ctl("token", "list"))
    assert needle.decode() not in json.dumps(site.good())
    copies = memory_of(worker).count(needle)
    assert copies == 1, f"{copies} copies in the worker, one is the cache's"
    assert memory_of(site.daemon.proc.pid).count(needle) == 0
    locked = [v for v in Path(f"/proc/{worker}/status").read_text().splitlines() if "VmLck" in v]
    assert int(locked[0].split()[1]) > 0


def memory_of(pid: int) -> bytes:
    out = []
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights = line.split()[:2]
            if "w" not in rights:
                continue
            start, end = (int(v, 16) for v in where.split("-"))
            try:
                mem.seek(start)
                out.append(mem.read(end - start))
            except OSError:
                pass  # guard pages
    return b"\n".join(out)
