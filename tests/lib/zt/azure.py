# SPDX-License-Identifier: Apache-2.0
"""Azure's sources of tokens as servers of ours. Strict: a wrong verb, path, header or member is
kept in `wrong`, answered with 418, and fails the test that closes the server."""

import base64
import datetime
import http.server
import json
import re
import ssl
import threading
import time
import urllib.parse
import uuid
from pathlib import Path
from typing import Any, Callable

from .netns import NetNs

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SYSTEM = "5f000000-0000-0000-0000-000000000001"
TENANT = "7e000000-0000-0000-0000-000000000002"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwt(**claims: Any) -> str:
    """A token of which nobody here checks the signature."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    return ".".join(b64(json.dumps(p).encode()) for p in parts) + "." + b64(b"signature" * 20)


def object_of(client_id: str) -> str:
    return "0b" + client_id[2:]


def resource_of(client_id: str) -> str:
    return (
        "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity"
        f"/userAssignedIdentities/{client_id}"
    )


class Wrong(Exception):
    """What no correct client sends."""


def need(good: Any, what: str) -> None:
    if not good:
        raise Wrong(what)


class Source:
    """An HTTP server in a namespace. `script`: answers to give first, (status, fields, body)."""

    life = 86400

    def __init__(self, ns: NetNs, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None):
        source = self
        self.calls: list[tuple[float, dict]] = []
        self.wrong: list[str] = []
        self.script: list[tuple[int, dict, Any]] = []
        self.delay = 0.0
        self.change: Callable[[dict], dict] = lambda reply: reply
        self.now, self.most = 0, 0
        self._lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                source.handle(self)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # who goes away is no error of ours

        self.server = ns.call(lambda: Server((address, 0), Handler))
        if tls:
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.host, self.port = self.server.server_address[:2]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        assert not self.wrong, self.wrong

    def handle(self, request: http.server.BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        parts = urllib.parse.urlsplit(request.path)
        query = urllib.parse.parse_qs(parts.query, strict_parsing=bool(parts.query))
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            need(all(len(v) == 1 for v in query.values()), f"twice: {query}")
            asked = self.judge(request, parts.path, {k: v[0] for k, v in query.items()}, body)
            self.calls.append((time.monotonic(), asked))
            time.sleep(self.delay)
            status, fields, reply = self.script.pop(0) if self.script else self.answer(asked)
        except Wrong as e:
            self.wrong.append(f"{request.command} {request.path}: {e}")
            status, fields, reply = 418, {}, {"error": str(e)}
        with self._lock:
            self.now -= 1
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", **fields}.items():
            request.send_header(name, value)
        if "Content-Length" not in fields:
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def judge(self, request: Any, path: str, query: dict, body: bytes) -> dict:
        raise NotImplementedError

    def answer(self, asked: dict) -> tuple[int, dict, Any]:
        return 200, {}, self.change(self.token(asked))

    def token(self, asked: dict) -> dict:
        raise NotImplementedError


class _Managed(Source):
    """What managed identities have in common."""

    names = ("client_id", "object_id", "msi_res_id")

    def judge_query(self, request: Any, query: dict, version: str) -> dict:
        need(request.command == "GET", "not GET")
        need("X-Forwarded-For" not in request.headers, "X-Forwarded-For")
        need(request.headers.get("Metadata") == "true", "no Metadata: true")
        need(query.pop("api-version", None) == version, "api-version")
        need(query.get("resource"), "no resource")
        need(len(query) <= 2, f"more than one identity: {query}")
        need(set(query) <= {"resource", *self.names}, f"unknown: {query}")
        return query

    def identity(self, asked: dict) -> tuple[str, str, str]:
        for name, value in asked.items():
            for client in (value, value.rsplit("/", 1)[-1], "0a" + value[2:]):
                if name != "resource" and value in (client, object_of(client), resource_of(client)):
                    return client, object_of(client), resource_of(client)
        return SYSTEM, object_of(SYSTEM), "/subscriptions/s/virtualMachines/vm"

    def token(self, asked: dict) -> dict:
        client, oid, mirid = self.identity(asked)
        now = int(time.time())
        claims = {"aud": asked["resource"], "appid": client, "oid": oid, "xms_mirid": mirid,
                  "exp": now + self.life, "n": len(self.calls)}  # fmt: skip
        return {
            "access_token": jwt(**claims),
            "client_id": client,
            "expires_in": str(self.life),
            "expires_on": str(now + self.life),
            "not_before": str(now),
            "refresh_token": "",
            "resource": asked["resource"],
            "token_type": "Bearer",
        }


class Imds(_Managed):
    """The instance metadata service."""

    def judge(self, request: Any, path: str, query: dict, body: bytes) -> dict:
        need(path == "/metadata/identity/oauth2/token", "path")
        need(not body, "a body")
        given = request.headers.get("x-ms-client-request-id", "")
        need(UUID.fullmatch(given), f"x-ms-client-request-id: {given!r}")
        return self.judge_query(request, query, "2018-02-01")


class AppService(_Managed):
    """App Service's endpoint; gives no expires_in."""

    names = ("client_id", "principal_id", "mi_res_id")
    header = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a"

    def judge(self, request: Any, path: str, query: dict, body: bytes) -> dict:
        need(path == "/msi/token", "path")
        need(request.headers.get("X-IDENTITY-HEADER") == self.header, "X-IDENTITY-HEADER")
        return self.judge_query(request, query, "2019-08-01")

    def token(self, asked: dict) -> dict:
        reply = super().token(asked)
        for name in ("expires_in", "refresh_token", "not_before"):
            del reply[name]
        return reply

    @property
    def env(self) -> dict:
        return {"IDENTITY_ENDPOINT": f"{self.url}/msi/token", "IDENTITY_HEADER": self.header}


class Arc(_Managed):
    """The Arc agent: a challenge first. `realm` and `key` are the test's."""

    realm, key = "", "k" * 64
    challenges = 0

    def judge(self, request: Any, path: str, query: dict, body: bytes) -> dict:
        need(path == "/metadata/identity/oauth2/token", "path")
        query = self.judge_query(request, query, "2020-06-01")
        given = request.headers.get("Authorization")
        need(given in (None, f"Basic {self.key}"), f"Authorization: {given}")
        return {**query, "answered": given is not None}

    def answer(self, asked: dict) -> tuple[int, dict, Any]:
        asked = dict(asked)
        if asked.pop("answered"):
            reply = self.token(asked)
            for name in self.names:
                if name in asked:
                    reply[name] = asked[name]
            return 200, {}, self.change(reply)
        self.challenges += 1
        return 401, {"WWW-Authenticate": f"Basic realm={self.realm}"}, {}

    @property
    def env(self) -> dict:
        return {"IDENTITY_ENDPOINT": f"{self.url}/metadata/identity/oauth2/token",
                "IMDS_ENDPOINT": self.url}  # fmt: skip


class Entra(Source):
    """The token endpoint, over TLS. `assertions`: those that were sent."""

    life = 3599
    ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    def __init__(self, ns: NetNs, directory: Path, name: str = "localhost"):
        key, cert = make_certificate(directory / "entra", name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.name, self.ca = name, cert
        self.accepts: Callable[[str, str], None] = lambda assertion, endpoint: None
        self.assertions: list[str] = []
        self.prefix = ""
        super().__init__(ns, tls=context)

    @property
    def authority(self) -> str:
        return f"https://{self.name}:{self.port}/"

    def judge(self, request: Any, path: str, query: dict, body: bytes) -> dict:
        need(request.command == "POST", "not POST")
        need(path == f"{self.prefix}/{TENANT}/oauth2/v2.0/token", f"path {path}")
        kind = request.headers.get("Content-Type")
        need(kind == "application/x-www-form-urlencoded", f"Content-Type: {kind}")
        need(not query, "a query")
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        need(form.pop("grant_type", None) == "client_credentials", "grant_type")
        need(form.pop("client_assertion_type", None) == self.ASSERTION, "client_assertion_type")
        need(set(form) == {"client_id", "scope", "client_assertion"}, f"members {set(form)}")
        need(form["scope"].endswith("/.default"), f"scope {form['scope']}")
        assertion = form.pop("client_assertion")
        self.assertions.append(assertion)
        self.accepts(assertion, f"{self.authority}{TENANT}/oauth2/v2.0/token")
        return form

    def token(self, asked: dict) -> dict:
        client = asked["client_id"]
        claims = {"aud": asked["scope"].removesuffix("/.default"), "azp": client,
                  "oid": object_of(client), "exp": int(time.time()) + self.life,
                  "n": len(self.calls)}  # fmt: skip
        return {
            "token_type": "Bearer",
            "expires_in": self.life,
            "ext_expires_in": self.life,
            "access_token": jwt(**claims),
        }


def make_certificate(base: Path, name: str) -> tuple[Path, Path]:
    """A self-signed one: (key, certificate)."""
    # pylint: disable=import-outside-toplevel
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    cert = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(uuid.uuid4().int >> 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    key_path, cert_path = base.with_suffix(".key"), base.with_suffix(".pem")
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    cert_path.write_bytes(cert.public_bytes(pem))
    return key_path, cert_path


def check_certificate_assertion(cert: Path, client_id: str) -> Callable[[str, str], None]:
    """For Entra.accepts: PS256 by that certificate, the claims as Entra wants them."""
    # pylint: disable=import-outside-toplevel
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    loaded = x509.load_pem_x509_certificate(cert.read_bytes())
    thumb = b64(loaded.fingerprint(hashes.SHA256()))
    public = loaded.public_key()
    assert loaded.public_bytes(serialization.Encoding.DER)
    seen = set()

    def check(assertion: str, endpoint: str) -> None:
        head, claims, signature = assertion.split(".")
        said = json.loads(unb64(head))
        need(said == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumb}, f"header {said}")
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        try:
            public.verify(unb64(signature), f"{head}.{claims}".encode(), pss, hashes.SHA256())
        except InvalidSignature:
            raise Wrong("signature") from None
        c = json.loads(unb64(claims))
        need(c["iss"] == c["sub"] == client_id and c["aud"] == endpoint, f"claims {c}")
        need(c["exp"] - c["nbf"] == 600 and abs(c["nbf"] - time.time()) < 60, f"times {c}")
        need(c["jti"] not in seen, "jti used twice")
        seen.add(c["jti"])

    return check
