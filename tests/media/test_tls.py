"""The name is verified though the connection goes to an address."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from goodsense.errors import FetchError
from goodsense.media.fetch import Fetcher, FetchPolicy

from .ssrf import Names

# made for these tests alone: signs itself for shop.example, valid for a hundred years
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBnzCCAUSgAwIBAgIUVP80Ao2gyz6OCRBI6eFa+I+vqMIwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMCAXDTI2MTEyMTEyNTM0NVoYDzIxMjYx
MDI4MTI1MzQ1WjAXMRUwEwYDVQQDDAxzaG9wLmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAR/rcR5gRVoHcxpNGCyQJJlrC2o5Ae/FiLeAe7nlMy1tmi3
YyaQ4YFQCr7l/VVkgqjXZ45/HTMW7KnAfnQckcVAo2wwajAdBgNVHQ4EFgQUUTcy
QilCOjJrgmKB6d04lm9a9a4wHwYDVR0jBBgwFoAUUTcyQilCOjJrgmKB6d04lm9a
9a4wFwYDVR0RBBAwDoIMc2hvcC5leGFtcGxlMA8GA1UdEwEB/wQFMAMBAf8wCgYI
KoZIzj0EAwIDSQAwRgIhAIoOvh9/BFzps5GWI415crjsMV5nBwiHXqno8ztg1EVl
AiEA9zl1xrFrIb3Ep6gEHtXYVnvMnT1+O8voGBO9LnpACKs=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaJT9259GDZXd1+cC
GSkkfOW29oTByYbeUgC4+yPNAOyhRANCAAR/rcR5gRVoHcxpNGCyQJJlrC2o5Ae/
FiLeAe7nlMy1tmi3YyaQ4YFQCr7l/VVkgqjXZ45/HTMW7KnAfnQckcVA
-----END PRIVATE KEY-----
"""


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def secure_server(folder: Path) -> Iterator[int]:
    """A server with that certificate, which is then at ``folder/certificate.pem``."""
    (folder / "certificate.pem").write_text(CERTIFICATE)
    (folder / "key.pem").write_text(KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    server = HTTPServer(("127.0.0.1", 0), Hello)
    server.handle_error = lambda *arguments: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def fetch(name: str, port: int, ca_file: Path | None) -> bytes:
    policy = FetchPolicy(
        allow_private=True, ca_file=ca_file, retries=0, respect_robots=False, per_host_delay_s=0, connect_s=3
    )
    names = Names({"shop.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    with Fetcher(policy, resolver=names) as fetcher:
        return fetcher.get(f"https://{name}:{port}/").body


def test_the_name_must_be_the_certificates(tmp_path: Path) -> None:
    with secure_server(tmp_path) as port:
        trusted = tmp_path / "certificate.pem"
        assert fetch("shop.example", port, trusted) == b"hello"
        for name, ca_file in (("other.example", trusted), ("127.0.0.1", trusted), ("shop.example", None)):
            with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED") as caught:
                fetch(name, port, ca_file)
            assert caught.value.reason == "tls"
