"""imds: one GET to a server that may be anything."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from accelnet_probes.imds import PATH, ask, endpoint_error, get
from accelnet_probes.instance import MAX_BODY
from accelnet_probes.worker import Worker
from metadata_service import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

BODY = b'{"compute": {"vmSize": "Standard_D4s_v5"}}'


@contextmanager
def _raw(talk: Callable[[socket.socket], None]) -> Generator[str]:
    """A server below HTTP: `talk` has the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    talk(connection)
                except OSError:
                    return  # the client has gone

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _ask(endpoint: str) -> tuple[str, bytes | str]:
    emitted: list[tuple[str, bytes | str]] = []
    ask(endpoint, emitted.append)
    (answer,) = emitted
    return answer


def test_the_body_is_the_answer() -> None:
    """Byte for byte, as a bundle keeps it."""
    with serving((200, BODY)) as server:
        assert _ask(server.endpoint) == ("body", BODY)
        assert len(server.requests) == 1


def test_the_request_is_what_imds_demands() -> None:
    """Metadata: true, no X-Forwarded-For, a version that it knows."""
    with serving((200, BODY)) as server:
        _ask(server.endpoint)
        ((path, headers, _),) = server.requests
    assert path == "/metadata/instance?api-version=2021-02-01"
    assert headers["Metadata"] == "true"
    assert "x-forwarded-for" not in {name.lower() for name in headers}


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_endpoint_may_have_a_path(slash: str) -> None:
    """A proxy of the operator's own may serve it below one."""
    with serving((200, BODY)) as server:
        assert _ask(f"{server.endpoint}/imds{slash}") == ("body", BODY)
        assert _ask(f"{server.endpoint}/") == ("body", BODY)
        assert [asked.path for asked in server.requests] == [f"/imds{PATH}", PATH]


def test_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """IMDS must never be asked through one: it would describe another machine."""
    with serving((200, b"proxied")) as proxy, serving((200, BODY)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.endpoint)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert _ask(server.endpoint) == ("body", BODY)
        assert proxy.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 418, 501])
def test_a_refusal_is_final(status: int) -> None:
    """Asking again changes nothing, and counts against five requests a second."""
    with serving((status, b"")) as server:
        assert _ask(server.endpoint) == ("refused", f"HTTP {status}")
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [410, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_asked_again(status: int) -> None:
    """As Azure documents it."""
    with serving((status, b""), (200, BODY)) as server:
        assert _ask(server.endpoint) == ("body", BODY)
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [429, 500])
def test_a_trouble_that_does_not_pass_is_told(status: int) -> None:
    """Three times, within the deadline."""
    began = time.monotonic()
    with serving((status, b"")) as server:
        assert _ask(server.endpoint) == ("refused", f"HTTP {status}")
        assert len(server.requests) == 3
    assert 0.9 < time.monotonic() - began < 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """IMDS sends none; whoever does is not IMDS."""
    with serving((status, b"")) as server:
        assert _ask(server.endpoint) == ("refused", f"HTTP {status}")
        assert [asked.path for asked in server.requests] == [PATH]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\0", b'{"compute"'], ids=["empty", "html", "bytes", "cut-off"]
)
def test_garbage_is_handed_on(body: bytes) -> None:
    """What is in it is for the decoder to say, and for the bundle to keep."""
    with serving((200, body)) as server:
        assert _ask(server.endpoint) == ("body", body)


def test_a_huge_body_is_refused() -> None:
    """And not read to its end."""
    with serving((200, b"x" * (MAX_BODY + 1))) as server:
        assert _ask(server.endpoint) == ("refused", "EFBIG")


def test_a_body_of_the_limit_is_taken() -> None:
    """The limit itself is within."""
    with serving((200, b"x" * MAX_BODY)) as server:
        assert _ask(server.endpoint) == ("body", b"x" * MAX_BODY)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", "EPROTO", id="ssh"),
        pytest.param(b"\0\xff" * 100 + b"\n", "EPROTO", id="binary"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", "EPROTO", id="no-status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500, "EPROTO", id="500-headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70000, "EPROTO", id="long-header"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "EPROTO", id="no-chunk"
        ),
        pytest.param(b"", "ECONNRESET", id="closed-at-once"),
    ],
)
def test_what_is_not_http(sent: bytes, name: str) -> None:
    """Something else listens there."""
    with _raw(lambda connection: connection.sendall(sent)) as endpoint:
        assert _ask(endpoint) == ("refused", name)


def test_a_server_that_says_nothing_times_out() -> None:
    """Once: it is not asked again."""
    began = time.monotonic()
    with _raw(lambda _connection: time.sleep(10)) as endpoint:
        assert _ask(endpoint) == ("refused", "ETIMEDOUT")
    assert time.monotonic() - began < 3.5


def test_whoever_asks_says_what_for_and_how_long() -> None:
    """Once: whether to ask again is the caller's to say."""
    with serving((503, b""), (200, BODY)) as server:
        assert get(f"{server.endpoint}/imds/", "/metadata/versions", 5.0) == ("refused", "HTTP 503")
        assert [asked.path for asked in server.requests] == ["/imds/metadata/versions"]
    began = time.monotonic()
    with _raw(lambda _connection: time.sleep(5)) as endpoint:
        assert get(endpoint, PATH, 0.2) == ("refused", "ETIMEDOUT")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: ", id="header"),
    ],
)
def test_a_slow_drip_is_bounded_by_the_worker(head: bytes) -> None:
    """Each byte is in time, and the whole is not."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    with _raw(drip) as endpoint:
        began = time.monotonic()
        worker = Worker(lambda emit: ask(endpoint, emit))
        assert worker.collect(began + 0.5) == ([], False)
        assert time.monotonic() - began < 1.5


def test_a_port_where_nobody_listens() -> None:
    """Told at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _ask(f"http://127.0.0.1:{port}") == ("refused", "ECONNREFUSED")


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param("http://x.invalid", id="no-such-name"),
        pytest.param("http://[::1", id="open-bracket"),
        pytest.param("http://a:b:80", id="two-colons"),
        pytest.param(f"http://{'a' * 300}", id="long-label"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(endpoint: str) -> None:
    """Whatever the resolver says of it."""
    kind, name = _ask(endpoint)
    assert kind == "refused"
    assert name in ("EHOSTUNREACH", "EPROTO")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254",
        "http://127.0.0.1:8080",
        "http://localhost:1/",
        "http://proxy.example/imds",
        "http://[::1]",
        "http://[fe80::1]:80",
        "http://host:65535",
    ],
)
def test_endpoints_that_can_be(endpoint: str) -> None:
    """A host, a port, a path."""
    assert endpoint_error(endpoint) is None


SHAPE = "expected http://HOST[:PORT] or off"
ALONE = "expected http://HOST[:PORT] alone"
CHARACTERS = "it has characters that no URL has"
PORT = "its port is not a number below 65536"


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        pytest.param("", SHAPE, id="empty"),
        pytest.param("169.254.169.254", SHAPE, id="no-scheme"),
        pytest.param("https://169.254.169.254", SHAPE, id="https"),
        pytest.param("HTTP://host", SHAPE, id="upper-case"),
        pytest.param("http://", SHAPE, id="no-host"),
        pytest.param("http:///path", SHAPE, id="path-alone"),
        pytest.param("http://ho st", CHARACTERS, id="space"),
        pytest.param("http://host/\r\nX: y", CHARACTERS, id="header-injection"),
        pytest.param("http://höst", CHARACTERS, id="not-ascii"),
        pytest.param("http://host\x7f", CHARACTERS, id="control-character"),
        pytest.param("http://host\udcff", CHARACTERS, id="no-utf-8-argument"),
        pytest.param("http://user:secret@host", ALONE, id="user"),
        pytest.param("http://host/?a=b", ALONE, id="query"),
        pytest.param("http://host#a", ALONE, id="fragment"),
        pytest.param("http://host:", PORT, id="no-port"),
        pytest.param("http://:80", PORT, id="port-alone"),
        pytest.param("http://host:port", PORT, id="word"),
        pytest.param("http://host:-1", PORT, id="negative"),
        pytest.param("http://host:65536", PORT, id="too-large"),
        pytest.param(f"http://host:{'9' * 5000}", PORT, id="more-digits-than-int-takes"),
    ],
)
def test_endpoints_that_can_not_be(endpoint: str, why: str) -> None:
    """Told before anything is asked."""
    assert endpoint_error(endpoint) == why
