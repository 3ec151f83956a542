"""Connections fail in one line, and no line shows a key."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from ballast.chain.anvil import free_port
from ballast.chain.reverts import decode_revert, revert_data
from ballast.chain.rpc import connect, hide_secrets
from ballast.errors import UsageError


@pytest.fixture
def web_server() -> Iterator[str]:
    """Something that answers HTTP and is no node."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_connect__nothing_listens__is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"no node answers there \(connection refused\)"):
        connect(f"http://127.0.0.1:{free_port()}")


def test_connect__no_node_behind_it__is_a_usage_error(web_server: str) -> None:
    with pytest.raises(UsageError, match="no node answers there"):
        connect(web_server)


@pytest.mark.parametrize("url", ["", "localhost:8545", "ftp://host", "/no/such/socket"])
def test_connect__not_an_address__is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError, match="not a node's address"):
        connect(url)


def test_hide_secrets__provider_url__keeps_the_host_only() -> None:
    assert hide_secrets("https://user:pw@node.example:8545/v2/KEY?k=KEY") == ("https://node.example:8545")


def test_decode_revert__solidity_string__is_error_with_its_message() -> None:
    body = "08c379a0" + f"{32:064x}{3:064x}" + b"bad".hex().ljust(64, "0")
    found = decode_revert(bytes.fromhex(body))
    assert (found.name, found.arguments) == ("Error", {"message": "bad"})


def test_decode_revert__panic__carries_its_code() -> None:
    found = decode_revert(bytes.fromhex("4e487b71" + f"{0x11:064x}"))
    assert (found.name, found.arguments) == ("Panic", {"code": 0x11})


@pytest.mark.parametrize("data", ["", "12", "deadbeef", "deadbeef00", "08c379a0ff"])
def test_decode_revert__unknown_bytes__keeps_them(data: str) -> None:
    found = decode_revert(bytes.fromhex(data))
    assert found.data == "0x" + data
    assert found.name == ("" if len(data) < 8 else "0x" + data[:8])


def test_revert_data__nodes_differ__finds_the_bytes() -> None:
    assert revert_data({"code": 3, "message": "execution reverted", "data": "0x1234"}) == b"\x12\x34"
    assert revert_data({"code": -32015, "message": "x", "data": "Reverted 0x12"}) == b"\x12"
    assert revert_data({"code": -32000, "message": "execution reverted"}) == b""
    assert revert_data({"code": -32000, "message": "header not found"}) is None
