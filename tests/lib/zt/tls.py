# SPDX-License-Identifier: Apache-2.0
"""Real TLS servers and a real proxy, each a process of its own in a namespace."""

import subprocess
import tempfile
from pathlib import Path

from . import policy
from .netns import NetNs
from .puppet import run_in_args
from .sh import PYTHON, sh, wait_for

GREETING = "this is the far end"
_PYTHON_SERVER = f"""
import http.server, socket, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", {len(GREETING)})
        self.end_headers()
        self.wfile.write(b"{GREETING}")
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", len(data))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
server = Server(("::", int(sys.argv[1])), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""
_SQUID = """
http_port {proxy}:{open}
http_port {proxy}:{locked} name=locked
pid_filename none
cache deny all
cache_log {dir}/log
access_log none
coredump_dir {dir}
hosts_file {dir}/hosts
dns_nameservers 127.0.0.1
shutdown_lifetime 0 seconds
visible_hostname proxy.corp.example
pinger_enable off
workers 1
max_filedescriptors 1024
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/users
acl locked myportname locked
acl known proxy_auth REQUIRED
http_access deny locked !known
http_access allow all
"""


class Process:
    """Something that listens; what it says is shown when it does not."""

    def __init__(self, ns: NetNs, address: str, port: int):
        self.ns, self.port = ns, port
        self._address = address
        self._dir = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.dir = Path(self._dir.name)
        self.proc: subprocess.Popen | None = None

    def start(self, *argv: object) -> None:
        with open(self.dir / "said", "wb") as said:
            self.proc = subprocess.Popen(  # pylint: disable=consider-using-with
                [*run_in_args(None, self.ns.path), *map(str, argv)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        wait_for(f"{argv[0]} to listen", self._listens, 15)

    def _listens(self) -> bool:
        assert self.proc
        if self.proc.poll() is not None:
            raise RuntimeError((self.dir / "said").read_text(encoding="utf-8"))
        # where it listens, not by connecting: s_server would serve that
        with open(f"/proc/{self.proc.pid}/net/tcp", encoding="ascii") as v4, open(
            f"/proc/{self.proc.pid}/net/tcp6", encoding="ascii"
        ) as v6:
            lines = [line.split() for line in (*v4, *v6)]
        return any(f[1].endswith(f":{self.port:04X}") and f[3] == "0A" for f in lines)

    def close(self) -> None:
        if self.proc:
            self.proc.terminate()
            try:
                self.proc.wait(5)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self._dir.cleanup()


class TlsServer(Process):
    """kind: `openssl` (s_server) or `python`, for any name, on [::]:port, IPv4 as well."""

    def __init__(self, kind: str, ns: NetNs, port: int):
        super().__init__(ns, "::", port)
        pem = self.dir / "pem"
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-days", "2", "-subj", "/CN=far.end", "-keyout", pem, "-out", self.dir / "crt")
        with open(pem, "ab") as f:
            f.write((self.dir / "crt").read_bytes())
        if kind == "openssl":
            self.start("openssl", "s_server", "-quiet", "-www", "-accept", port, "-cert", pem)
        else:
            self.start(PYTHON, "-c", _PYTHON_SERVER, port, pem)


class Squid(Process):
    """At policy.PROXY: the first port for everybody, the second for user `u`, password `p`."""

    def __init__(self, ns: NetNs, hosts: dict[str, str]):
        super().__init__(ns, policy.PROXY, policy.PROXY_PORTS[0])
        free, locked = policy.PROXY_PORTS
        self.dir.chmod(0o777)
        hash_ = sh("openssl", "passwd", "-apr1", "p").strip()
        self.write("users", f"u:{hash_}\n")
        self.write("hosts", "".join(f"{a} {n}\n" for n, a in hosts.items()))
        self.write("conf", _SQUID.format(proxy=policy.PROXY, open=free, locked=locked, dir=self.dir))
        self.start("squid", "-N", "-f", self.dir / "conf")

    def write(self, name: str, text: str) -> None:
        (self.dir / name).write_text(text, encoding="ascii")
