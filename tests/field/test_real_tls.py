# SPDX-License-Identifier: Apache-2.0
"""Real TLS clients and servers, and squid: what policy allows works as without the programs."""

import pytest

from zt import dns as zdns
from zt import policy
from zt import world as w
from zt.client import Client
from zt.daemon import Daemon
from zt.sh import PYTHON
from zt.tls import GREETING, Squid, TlsServer

OPENAI, WIKI, OTHER, AI = (
    "my.openai.azure.com", "en.wikipedia.org", "www.example.net", "api.example-ai.com",
)  # fmt: skip
BEHIND = ".example.net"
# (profile, name): to the private end point, by a names rule, and by default
WAYS = [("app", OPENAI), ("wide", OPENAI), ("named", WIKI), ("wide", OTHER)]
FREE, LOCKED = (f"http://{policy.PROXY}:{port}" for port in policy.PROXY_PORTS)


@pytest.fixture(scope="module")
def resolver(world):
    r = zdns.Resolver(world)
    r.put(OPENAI, w.PE, w.PE6)
    for name in (WIKI, OTHER, AI):
        r.put(name, w.PUBLIC, w.PUBLIC6)
    yield r
    r.close()


@pytest.fixture(scope="module")
def ztad(world, cgroups, resolver):
    d = Daemon(world.machine, cgroups)
    try:
        d.write_policy(policy.server_names(zdns.ADDRESS))
        yield d.start()
    finally:
        d.close()


@pytest.fixture(scope="module", params=["openssl", "python"])
def port(request, world):
    """Of a server of that kind at the private end point and in public."""
    number = world.unserved_port()
    servers = []
    try:
        for ns in (world.pe.ns, world.pub.ns):
            servers.append(TlsServer(request.param, ns, number))
        yield number
    finally:
        for s in servers:
            s.close()


@pytest.fixture(scope="module")
def squid(world):
    s = Squid(world.pe.ns, {WIKI: w.PUBLIC, OTHER: w.PUBLIC, AI: w.PUBLIC, WIKI + BEHIND: w.PUBLIC})
    yield s
    s.close()


@pytest.fixture(params=["without", "inside"])
def place(request, ztad, world, troupe, tmp_path):
    """place(profile): a client there, or in its twin where no program is."""

    def client(profile: str) -> Client:
        group = troupe.group(profile, request.param == "without")
        return Client(tmp_path, group, world.machine.path, f"nameserver {zdns.ADDRESS}\n")

    client.control = request.param == "without"
    return client


def answered(done) -> None:
    assert done.returncode == 0, done.stderr
    assert GREETING in done.stdout or "Cipher" in done.stdout


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("profile,name", WAYS)
def test_curl(place, port, profile, name, family, tls):
    answered(
        place(profile).run(
            "curl", "-sSk", f"-{family}", f"--tlsv{tls}", "--tls-max", tls, f"https://{name}:{port}/"
        )
    )


_PYTHON = """
import socket, ssl, sys
name, port = sys.argv[1], int(sys.argv[2])
c = ssl.create_default_context()
c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
session = None
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    c.maximum_version = version
    for again in range(2):
        with c.wrap_socket(socket.create_connection((name, port), 10), server_hostname=name,
                           session=session if again else None) as s:
            s.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            while data := s.recv(65536):
                sys.stdout.write(data.decode())
            session = s.session
"""
_NODE = """
const [name, port] = process.argv.slice(1);
require("https").get({host: name, port, rejectUnauthorized: false, agent: false},
                     r => r.pipe(process.stdout));
"""


@pytest.mark.parametrize("profile,name", WAYS)
def test_python_with_session_tickets(place, port, profile, name):
    answered(place(profile).run(PYTHON, "-c", _PYTHON, name, port))


@pytest.mark.parametrize("profile,name", WAYS)
def test_node(place, port, profile, name):
    answered(place(profile).run("node", "-e", _NODE, name, port))


@pytest.mark.parametrize("profile,name", WAYS)
def test_openssl(place, port, profile, name):
    done = place(profile).run(
        "openssl", "s_client", "-quiet", "-ign_eof", "-connect", f"{name}:{port}",
        text="GET / HTTP/1.0\r\n\r\n",
    )  # fmt: skip
    assert GREETING in done.stdout or "Cipher" in done.stdout, done.stderr


def test_a_mebibyte_each_way(place, world):
    server = TlsServer("python", world.pe.ns, world.unserved_port())
    try:
        body = "x" * (1 << 20)
        done = place("app").run(
            "curl", "-sSk", "--data-binary", "@-", f"https://{OPENAI}:{server.port}/", text=body
        )
        assert done.stdout == body, done.stderr
    finally:
        server.close()


def refused(place, ztad, reason: str, name: str, profile: str, *argv: object) -> None:
    """Works without the programs; with them it does not, and is told of."""
    seq = ztad.last_seq()
    done = place(profile).run("curl", "-sSk", "-m", "8", *argv)
    if place.control:
        answered(done)
        return
    assert done.returncode != 0 and not done.stdout
    ztad.http("POST", "/v1/flush")
    event = ztad.wait_event(reason, lambda e: e["type"] == "tls" and e["reason"] == reason, seq)
    assert event["server_name"] == name


def test_another_name_on_the_address_of_a_names_rule(place, ztad, port):
    answered(place("named").run("curl", "-sSk", f"https://{WIKI}:{port}/"))
    to = f"{OTHER}:{port}:{w.PUBLIC}"
    refused(place, ztad, "sni-mismatch", OTHER, "named", "--resolve", to, f"https://{OTHER}:{port}/")


def test_an_ai_name_at_an_ordinary_address(place, ztad, port):
    to = f"{AI}:{port}:{w.PUBLIC_B}"
    refused(place, ztad, "sni-public", AI, "wide", "--resolve", to, f"https://{AI}:{port}/")


@pytest.mark.parametrize("profile,name", [("named", WIKI), ("wide", OTHER)])
def test_through_squid(place, squid, port, profile, name):
    answered(place(profile).run("curl", "-sSk", "-x", FREE, f"https://{name}:{port}/"))


@pytest.mark.parametrize("profile,name", [("named", WIKI), ("wide", OTHER)])
def test_through_squid_after_407(place, squid, port, profile, name):
    """curl asks, is told to say who it is, and asks again on the same connection."""
    done = place(profile).run(
        "curl", "-sSkv", "-x", LOCKED, "--proxy-anyauth", "-U", "u:p", f"https://{name}:{port}/"
    )
    answered(done)
    assert "407" in done.stderr and done.stderr.count("> CONNECT") == 2
    assert "Re-using" in done.stderr or done.stderr.count("* Connected to") == 1


@pytest.mark.parametrize("profile", ["named", "wide"])
def test_ai_through_squid(place, ztad, squid, port, profile):
    refused(place, ztad, "proxy-ai", AI, profile, "-x", FREE, f"https://{AI}:{port}/")


def test_a_name_that_the_proxy_rule_has_not(place, ztad, squid, port):
    refused(place, ztad, "proxy-name", OTHER, "named", "-x", FREE, f"https://{OTHER}:{port}/")


@pytest.fixture(scope="module")
def plain(world):
    """An echo server that answers GET, in public."""
    return world.port()


def test_absolute_form_through_squid(place, squid, plain):
    done = place("wide").run("curl", "-sS", "-x", FREE, f"http://{OTHER}:{plain}/")
    assert done.stdout == "ok", done.stderr


def test_absolute_form_of_ai_through_squid(place, ztad, squid, plain):
    done = place("wide").run("curl", "-sS", "-m", "8", "-x", FREE, f"http://{AI}:{plain}/")
    assert done.stdout == ("ok" if place.control else ""), done.stderr


def test_a_target_that_squid_reads_as_another_name(place, squid, port):
    """squid takes the space out of it, and would open a tunnel to a name of somebody else's."""
    program = (
        "import socket\n"
        f"s = socket.create_connection(('{policy.PROXY}', {policy.PROXY_PORTS[0]}), 5)\n"
        f"s.sendall(b'CONNECT {WIKI} {BEHIND}:{port} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
        "print(s.recv(65536).decode('latin-1'))\n"
    )
    done = place("named").run(PYTHON, "-c", program)
    assert ("200 " in done.stdout) == place.control, done.stdout + done.stderr
