"""web_server: real sockets, real TLS, and clients of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import http.client
import ipaddress
import json
import logging
import os
import re
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import bcrypt
import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream

from accelnet_agent.report import UsageError
from accelnet_agent.web_connections import Connection
from accelnet_agent.web_events import Events, TornadoLog
from accelnet_agent.web_http import accepts_gzip, parse_query, seconds_to_answer, split_target
from accelnet_agent.web_limits import Turns
from accelnet_agent.web_server import Limits, WebServer
from certificates import Authority
from serving import EXPOSITION, LONG, Serving, ask, read_all, serving, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

AUTHORITY = Authority()
STRANGERS = Authority()
SERVER = AUTHORITY.server()
PASSWORD = {"Authorization": "Basic " + b64encode(b"prometheus:open sesame").decode()}
HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENTS = TLS + "  client_ca_file: ca.crt\n  client_auth_type: "
WITH_BODY = b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
HEAD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"


def _trusting(authority: Authority = AUTHORITY) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.cert)
    return context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a server's certificate and a CA for clients."""
    SERVER.write(tmp_path, "server")
    (tmp_path / "ca.crt").write_text(AUTHORITY.cert)
    return tmp_path


def _config(folder: Path, text: str) -> Path:
    path = folder / "web.yml"
    (folder / "web.new").write_text(text)
    return (folder / "web.new").rename(path)


@pytest.fixture(scope="module")
def plain() -> Generator[Serving]:
    """One server without a configuration, for all that leave it as it was."""
    with serving() as running:
        yield running


# --- answers -------------------------------------------------------------------------------------


def test_a_route_answers(plain: Serving) -> None:
    """Status, type, length and body are the route's."""
    answer = plain.get()
    assert (answer.status, answer.body) == (200, EXPOSITION)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Content-Length"] == str(len(EXPOSITION))


def test_a_route_is_given_the_request(plain: Serving) -> None:
    """Method, path, the last of a repeated name, headers in any case, ten seconds less a bit."""
    answer = plain.get("/echo?name%5B%5D=a&b=&name[]=c%20d", {"User-Agent": "test"})
    seen = json.loads(answer.body)
    assert 9 < seen.pop("seconds") <= 9.5
    assert seen == {
        "method": "GET",
        "path": "/echo",
        "query": {"name[]": "c d", "b": ""},
        "agent": "test",
    }


@pytest.mark.parametrize("path", ["/", "/metrics/", "/..", "/etc/passwd", "//metrics", "/Metrics"])
def test_an_unknown_path_is_not_found(plain: Serving, path: str) -> None:
    """Nothing is listed, nothing is guessed, and the answer does not say what was asked."""
    answer = plain.get(path)
    assert (answer.status, answer.body) == (404, b"404 Not Found\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"])
def test_only_get_and_head_are_allowed(plain: Serving, method: str) -> None:
    """Anything else is refused on every path, with what is allowed."""
    answer = plain.get(method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_is_get_without_a_body(plain: Serving) -> None:
    """The same headers, and the connection is good for the next request."""
    client = plain.connection()
    head, get = ask(client, method="HEAD"), ask(client)
    assert head.body == b""
    del head.headers["Date"], get.headers["Date"]
    assert head.headers.items() == get.headers.items()
    client.close()


@pytest.mark.parametrize("path", ["/metrics", "/nothing", "/broken", "/long"])
def test_every_answer_has_the_security_headers(plain: Serving, path: str) -> None:
    """No sniffing, no frame, no cache, no referrer, and no word of what serves it."""
    headers = plain.get(path, {"Accept-Encoding": "gzip"}).headers
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": (
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    }.items():
        assert headers[name] == value
    assert "Date" in headers
    for name in ("Server", "ETag", "Strict-Transport-Security", "X-Powered-By"):
        assert name not in headers


def test_a_page_may_use_what_stands_in_it(plain: Serving) -> None:
    """HTML has a policy of its own, and a route's header overrides ours."""
    headers = plain.get("/page").headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_long_answer_is_packed_for_who_asks(plain: Serving) -> None:
    """gzip where it is accepted and worth it, else as it is."""
    packed = plain.get("/long", {"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == LONG
    assert len(packed.body) < len(LONG) / 10
    for path, accepted in [("/long", "gzip;q=0"), ("/long", ""), ("/metrics", "gzip")]:
        assert "Content-Encoding" not in plain.get(path, {"Accept-Encoding": accepted}).headers


def test_http_1_0_is_answered_and_closed(plain: Serving) -> None:
    """A client of HTTP/1.0 needs no Host, and has its answer when the connection ends."""
    with plain.raw() as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(EXPOSITION)


def test_requests_sent_ahead_are_answered_in_order(plain: Serving) -> None:
    """Pipelining is served one by one."""
    with plain.raw() as client:
        paths = [b"/metrics", b"/nothing", b"/metrics"]
        client.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = read_all(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"200", b"200"]


def test_a_route_with_a_header_that_can_not_be_sent_is_cut(plain: Serving) -> None:
    """Its client does not wait for ever, and the event loop is told of the bug."""
    with plain.raw() as client:
        client.sendall(b"GET /smuggling HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_all(client) == b""
    wait_until(lambda: len(plain.bugs) == 1)
    assert "Illegal characters" in str(plain.bugs.pop())


def test_a_bug_in_a_route_is_told_once(plain: Serving) -> None:
    """The client learns nothing of it; the log has the error, the path, and one line."""
    plain.server.events._last.clear()
    plain.events.clear()
    for _ in range(5):
        answer = plain.get("/broken?password=hidden")
        assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
    assert plain.events == [
        (
            "web_route_failed",
            {
                "about": "/broken ZeroDivisionError",
                "error": "ZeroDivisionError('secret detail')",
                "repeats": 0,
            },
        )
    ]


def test_a_route_that_is_late_is_given_up(plain: Serving) -> None:
    """503 before the scraper itself gives up, and the route is stopped."""
    start = time.monotonic()
    answer = plain.get("/held", {"X-Prometheus-Scrape-Timeout-Seconds": "0.4"})
    assert answer.status == 503
    assert 0.2 < time.monotonic() - start < 5
    wait_until(lambda: plain.site.running == 0)


def test_who_leaves_is_not_worked_for(plain: Serving) -> None:
    """A client that closes while it waits ends what it has asked for."""
    before = plain.site.cancelled
    with plain.raw() as client:
        client.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: plain.site.running == 1)
    wait_until(lambda: plain.site.cancelled == before + 1)


def test_repeats_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event about one thing is told at most once a minute, with how often it was not."""
    told: list[tuple[object, object]] = []
    events = Events(lambda _, **fields: told.append((fields["about"], fields["repeats"])))
    for about in ("a", "a", "b", "a"):
        events.tell("event", about, "error")
    monkeypatch.setattr("accelnet_agent.web_events._AGAIN", 0)
    events.tell("event", "a", "error")
    assert told == [("a", 0), ("b", 0), ("a", 2)]


def test_tornados_errors_are_told_and_its_warnings_are_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What it warns of is the doing of clients; neither reaches standard error past our log."""
    told: list[object] = []
    log = TornadoLog(Events(lambda _, **fields: told.append(fields["error"])))
    log.begin()
    try:
        logging.getLogger("tornado.general").warning("SSL Error on %s", 3)
        logging.getLogger("tornado.general").error("it went %s", "wrong")
        logging.getLogger("tornado.application").error("Uncaught", exc_info=KeyError("key"))
    finally:
        log.end()
    assert told == ["it went wrong", "KeyError('key')"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 9.5),
        ("15", 14.5),
        ("1", 0.75),
        ("0.25", 0.1875),
        ("3600", 59.5),
        ("-1", 9.5),
        ("0", 9.5),
        ("nan", 9.5),
        ("inf", 9.5),
        ("soon", 9.5),
    ],
)
def test_a_scrape_is_answered_before_its_timeout(header: str | None, seconds: float) -> None:
    """Prometheus says how long it waits; half a second, or a quarter, is kept for the way."""
    until, grace = seconds_to_answer(header)
    assert until == pytest.approx(seconds)
    assert 0 < grace < 0.5


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("gzip;q=x", False),
    ],
)
def test_gzip_is_sent_to_who_accepts_it(header: str | None, accepted: bool) -> None:
    """Weights and wildcards as RFC 9110 has them."""
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/metrics", "/metrics", ""),
        ("/metrics?a=1?b", "/metrics", "a=1?b"),
        ("http://proxy.example/metrics?a", "/metrics", "a"),
        ("http://proxy.example", "", ""),
        ("*", "*", ""),
        ("/http://x", "/http://x", ""),
    ],
)
def test_a_target_may_be_a_whole_address(target: str, path: str, query: str) -> None:
    """A proxy's form is taken like the usual one (RFC 9112, 3.2.2)."""
    assert split_target(target) == (path, query)


def test_a_query_is_bounded(plain: Serving) -> None:
    """More than 100 fields are refused before anything is done for them."""
    assert parse_query("&".join(["a"] * 100)) == {"a": ""}
    assert plain.get("/metrics?" + "&".join(["a"] * 101)).status == 400


# --- at once -------------------------------------------------------------------------------------


def test_no_more_than_max_requests_are_answered_at_once() -> None:
    """The others wait their turn, and all have their answer."""
    with serving(max_requests=3) as running, ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(running.get, "/held") for _ in range(12)]
        wait_until(lambda: running.site.running == 3)
        running.open_gate()
        assert [answer.result().status for answer in answers] == [200] * 12
        assert running.site.most == 3


def test_who_waits_for_a_turn_too_long_is_refused() -> None:
    """503 at the deadline; and a place that is free again is taken."""
    with serving(max_requests=1) as running, ThreadPoolExecutor(1) as pool:
        held = pool.submit(running.get, "/held")
        wait_until(lambda: running.site.running == 1)
        hurry = {"X-Prometheus-Scrape-Timeout-Seconds": "0.2"}
        assert running.get("/metrics", hurry).status == 503
        running.open_gate()
        assert held.result().status == 200
        assert running.get("/metrics", hurry).status == 200


def test_any_number_is_answered_where_there_is_no_limit() -> None:
    """--web.max-requests 0."""
    with serving(max_requests=0) as running, ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(running.get, "/held") for _ in range(50)]
        wait_until(lambda: running.site.running == 50)
        running.open_gate()
        assert {answer.result().status for answer in answers} == {200}


def test_64_scrapers_at_once_see_no_error(plain: Serving) -> None:
    """With the default of 40 at once, each of 64 clients has each of its answers."""

    def scrape() -> list[int]:
        client = plain.connection()
        with contextlib.closing(client):
            return [ask(client, "/long", {"Accept-Encoding": "gzip"}).status for _ in range(10)]

    with ThreadPoolExecutor(64) as pool:
        clients = [pool.submit(scrape) for _ in range(64)]
        assert {status for client in clients for status in client.result()} == {200}


def test_a_turn_is_never_lost() -> None:
    """Who leaves the queue, before or at the moment of its turn, hands it on."""

    async def take_and_leave() -> None:
        turns = Turns(1)
        await turns.take()
        first, second = (asyncio.ensure_future(turns.take()) for _ in range(2))
        await asyncio.sleep(0)
        turns.give()
        first.cancel()  # its turn has come, and it does not know yet
        await second
        third = asyncio.ensure_future(turns.take())
        await asyncio.sleep(0)
        third.cancel()
        turns.give()  # to nobody
        await asyncio.wait_for(turns.take(), 5)
        assert first.cancelled()
        assert turns._free == 0

    asyncio.run(take_and_leave())


# --- clients that misbehave ----------------------------------------------------------------------

MALFORMED = [
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no-host"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two-hosts"),
    pytest.param(b"GET /\r\n\r\n", id="http-0.9"),
    pytest.param(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", id="http-2"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="http-2-preface"),
    pytest.param(b"\x00\x01\x02\r\n\r\n", id="bytes"),
    pytest.param(HEAD + b"no colon\r\n\r\n", id="header"),
    pytest.param(WITH_BODY, id="body"),
    pytest.param(HEAD + b"Content-Length: 99999999999\r\n\r\n", id="large-body"),
    pytest.param(HEAD + b"Content-Length: -1\r\n\r\n", id="negative"),
    pytest.param(HEAD + b"Content-Length: x\r\n\r\n", id="length"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", id="chunked"),
    pytest.param(
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="smuggled"
    ),
]


@pytest.mark.parametrize("sent", MALFORMED)
def test_what_is_no_request_is_refused_and_closed(plain: Serving, sent: bytes) -> None:
    """One whole answer of status 400, with the security headers, and nothing after it."""
    with plain.raw() as client:
        client.sendall(sent)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"X-Content-Type-Options: nosniff\r\n" in answer
    assert answer.endswith(b"Connection: close\r\nContent-Length: 16\r\n\r\n400 Bad Request\n")


def test_a_head_that_is_too_long_is_cut(plain: Serving) -> None:
    """16 KiB is the end, whether it comes at once or never ends."""
    with plain.raw() as client:
        with contextlib.suppress(OSError):
            client.sendall(HEAD + b"X: " + b"a" * 200_000)
        assert read_all(client) == b""
    assert plain.get().status == 200


@settings(max_examples=60, deadline=None)
@given(
    chunks=st.lists(
        st.binary(max_size=60)
        | st.sampled_from([HEAD, b"\r\n", b"\r\n\r\n", b"GET ", b"HTTP/1.1", b"Content-Length: "]),
        max_size=6,
    )
)
def test_no_bytes_harm_the_server(plain: Serving, chunks: list[bytes]) -> None:
    """Whatever is sent, and however it is split, others are served; a bug would be told."""
    plain.events.clear()
    with plain.raw() as client:
        with contextlib.suppress(OSError):  # it is refused before all is sent
            for chunk in chunks:
                client.sendall(chunk)
            client.shutdown(socket.SHUT_WR)
        read_all(client)
    assert plain.get().status == 200
    assert plain.events == []


def test_200_slow_clients_stop_nobody() -> None:
    """Each has so long for a whole head, however it drips; others are served meanwhile."""
    with serving(limits=Limits(head=1.5)) as running:
        slow = [running.raw() for _ in range(200)]
        for client in slow:
            client.sendall(HEAD)
        assert running.get().status == 200
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            for client in slow[:20]:
                with contextlib.suppress(OSError):
                    client.sendall(b"X: y\r\n")
            assert running.get().status == 200
        for client in slow:
            assert read_all(client) == b""
            client.close()
        wait_until(lambda: len(running.server._connections) == 0)


def test_a_second_request_has_no_longer_for_its_head() -> None:
    """Its time counts from its first byte; until that, the client may be idle for long."""
    with serving(limits=Limits(head=1, idle=30)) as running, running.raw() as client:
        client.sendall(HEAD + b"\r\n")
        assert client.recv(4096)
        time.sleep(1.2)
        client.sendall(HEAD)
        start = time.monotonic()
        assert read_all(client) == b""
        assert time.monotonic() - start < 5


def test_an_idle_connection_is_closed() -> None:
    """A client that vanished holds nothing for ever."""
    with serving(limits=Limits(idle=0.1)) as running, running.raw() as client:
        client.sendall(HEAD + b"\r\n")
        assert read_all(client).endswith(EXPOSITION)


def test_who_does_not_read_is_cut() -> None:
    """An answer that is not taken ends with its connection, and what it held."""
    with serving(limits=Limits(write=0.2)) as running, running.raw() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /long?megabytes=16 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: len(running.server._connections) == 1)
        wait_until(lambda: len(running.server._connections) == 0)
        assert running.get().status == 200


def test_the_oldest_idle_connection_makes_room() -> None:
    """A full server takes a new client; none that is being answered is closed for it."""
    with serving(limits=Limits(connections=4)) as running:
        busy = running.raw()
        busy.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: running.site.running == 1)
        idle = [running.connection() for _ in range(3)]
        for client in idle:
            assert ask(client).status == 200
        assert running.get().status == 200
        with pytest.raises((http.client.HTTPException, OSError)):
            ask(idle[0])
        assert ask(idle[2]).status == 200
        running.open_gate()
        assert b"at last" in busy.recv(4096)
        busy.close()
        for client in idle:
            client.close()


def test_a_server_full_of_answers_lets_others_wait() -> None:
    """Who comes when all are being answered is accepted as soon as one is done."""
    with serving(limits=Limits(connections=3)) as running, ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(running.get, "/held") for _ in range(8)]
        wait_until(lambda: running.site.running == 3)
        time.sleep(0.1)
        assert running.site.running == 3
        running.open_gate()
        assert [answer.result().status for answer in answers] == [200] * 8


def test_running_out_of_descriptors_is_survived() -> None:
    """Accepting goes on when there are some again, and the log has one line of it."""
    with serving() as running:
        waiting = [running.raw() for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        late = socket.socket()
        free = os.dup(late.fileno())
        os.close(free)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            late.connect(("127.0.0.1", running.port))
            wait_until(lambda: bool(running.events))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        late.settimeout(10)
        late.sendall(HEAD + b"Connection: close\r\n\r\n")
        assert read_all(late).endswith(EXPOSITION)
        assert running.get().status == 200
        assert [(event, fields["about"]) for event, fields in running.events] == [
            ("web_accept_failed", "EMFILE")
        ]
        for client in (late, *waiting):
            client.close()


def test_a_reset_connection_is_forgotten(plain: Serving) -> None:
    """RST before, within and after a request leaves nothing behind."""
    for sent in (b"", HEAD, HEAD + b"\r\n", b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n"):
        client = plain.raw()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
        client.sendall(sent)
        client.close()
    wait_until(lambda: len(plain.server._connections) == 0)


def test_nothing_wakes_an_idle_server() -> None:
    """With a client that keeps its connection there is one timer, for its end."""
    with serving() as running:
        client = running.connection()
        for _ in range(3):
            ask(client)

        async def timers() -> list[float]:
            now = running.loop.time()
            scheduled: list[asyncio.TimerHandle] = getattr(running.loop, "_scheduled")  # noqa: B009 - asyncio's own
            return [timer.when() - now for timer in scheduled if not timer.cancelled()]

        wait_until(lambda: len(running.do(timers())) == 1)
        (idle,) = running.do(timers())
        assert 100 < idle <= 120
        client.close()
        wait_until(lambda: len(running.server._connections) == 0)
        assert running.do(timers()) == []


def test_a_connection_that_has_ended_leaves_nothing_behind() -> None:
    """Whether its client was polite or not, no object of it is left."""
    kinds = (Connection, IOStream, HTTP1Connection, HTTPHeaders, asyncio.Task)
    with serving() as running:
        for _ in range(50):
            with running.raw() as client:
                client.sendall(HEAD + b"Connection: close\r\n\r\n")
                read_all(client)
            for sent in (HEAD, WITH_BODY, b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n"):
                with running.raw() as client:
                    client.sendall(sent)
        wait_until(lambda: len(running.server._connections) == 0)
        gc.collect()
        left = [thing for thing in gc.get_objects() if isinstance(thing, kinds)]
        assert left == []


# --- the operator's web.yml ----------------------------------------------------------------------


def test_tls_is_served_from_the_file(folder: Path) -> None:
    """HTTP/1.1 over TLS 1.2 and 1.3, the certificate verified, plain HTTP refused."""
    with serving(config=_config(folder, TLS)) as running:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = _trusting()
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            client = running.connection(context)
            assert ask(client).status == 200
            assert isinstance(client.sock, ssl.SSLSocket)
            assert client.sock.selected_alpn_protocol() == "http/1.1"
            client.close()
        with running.raw() as raw:
            raw.sendall(HEAD + b"\r\n")
            assert b"HTTP" not in read_all(raw)
        assert running.get(context=_trusting()).status == 200
        assert running.events == []


def test_a_handshake_that_stops_is_cut(folder: Path) -> None:
    """Nothing, half a greeting, or garbage instead of TLS: the deadline of a head."""
    with serving(config=_config(folder, TLS), limits=Limits(head=1)) as running:
        stopped = [running.raw() for _ in range(3)]
        for client, sent in zip(
            stopped, (b"", b"\x16\x03\x01\x02\x00\x01", b"\x80" * 300), strict=True
        ):
            client.sendall(sent)
        for client in stopped:
            read_all(client)
            client.close()
        assert running.get(context=_trusting()).status == 200
        wait_until(lambda: len(running.server._connections) == 0)
        assert running.events == []


def test_a_curve_alone_is_the_only_one(folder: Path) -> None:
    """One curve_preferences is honoured to the letter."""
    text = TLS + "  curve_preferences: [CurveP384]\n"
    with serving(config=_config(folder, text)) as running:
        for curve, allowed in (("secp384r1", True), ("prime256v1", False)):
            context = _trusting()
            context.set_ecdh_curve(curve)
            assert _is_let_in(running, context) is allowed


def test_who_has_gone_before_the_handshake_is_forgotten(folder: Path) -> None:
    """A connection that is reset while it waits to be accepted leaves nothing behind."""
    with serving(config=_config(folder, TLS), limits=Limits(head=5)) as running:
        for sent in (b"", b"\x16\x03\x01"):
            running.loop.call_soon_threadsafe(time.sleep, 0.1)
            client = running.raw()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
            client.sendall(sent)
            client.close()
        assert running.get(context=_trusting()).status == 200
        wait_until(lambda: len(running.server._connections) == 0)
        assert running.events == []


def test_a_certificate_rotates_without_a_restart(folder: Path) -> None:
    """A new connection sees the new certificate; one that is open goes on."""
    with serving(config=_config(folder, TLS)) as running:
        old = running.connection(_trusting())
        assert ask(old).status == 200
        STRANGERS.server().write(folder, "server")
        _look_again(running)
        assert running.get(context=_trusting(STRANGERS)).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            running.get(context=_trusting())
        assert ask(old).status == 200
        old.close()
        assert (running.reloads, running.errors) == (1, [])


def test_tls_comes_with_the_file_and_goes_by_a_reload(folder: Path) -> None:
    """What is plain HTTP now is TLS after a change; the other way round somebody asks for it."""
    with serving(config=_config(folder, "")) as running:
        assert running.get().status == 200
        _config(folder, TLS)
        _look_again(running)
        assert running.get(context=_trusting()).status == 200
        _config(folder, "{}")
        _look_again(running)
        assert running.get(context=_trusting()).status == 200
        assert running.config is not None
        running.config.reload()
        assert running.get().status == 200


def test_a_broken_change_changes_nothing(folder: Path) -> None:
    """The last good configuration serves on, and the mistake is told once."""
    with serving(config=_config(folder, TLS)) as running:
        _config(folder, TLS.replace("server.key", "nowhere.key"))
        for _ in range(3):
            _look_again(running)
            assert running.get(context=_trusting()).status == 200
        (message,) = running.errors
        assert "nowhere.key" in message


def _look_again(running: Serving) -> None:
    """As if a second had gone by since the file was looked at."""
    assert running.config is not None
    running.config._next_look = 0


def _presenting(authority: Authority, folder: Path, *names: x509.GeneralName) -> ssl.SSLContext:
    context = _trusting()
    context.load_cert_chain(*authority.client(*names).write(folder, "client"))
    return context


@pytest.mark.parametrize(
    ("auth", "nobody", "known", "stranger"),
    [
        ("RequestClientCert", True, True, True),
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", False, True, False),
    ],
)
def test_client_certificates(
    folder: Path, auth: str, nobody: bool, known: bool, stranger: bool
) -> None:
    """Each client_auth_type lets in whom it lets in in Go."""
    with serving(config=_config(folder, CLIENTS + auth)) as running:
        expected = [
            (_trusting(), nobody),
            (_presenting(AUTHORITY, folder), known),
            (_presenting(STRANGERS, folder), stranger),
        ]
        for context, allowed in expected:
            assert _is_let_in(running, context) is allowed
        assert running.events == []


def _is_let_in(running: Serving, context: ssl.SSLContext) -> bool:
    try:
        return running.get(context=context).status == 200
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        pytest.param(x509.DNSName("scraper.example"), True, id="dns"),
        pytest.param(x509.RFC822Name("ops@example.com"), True, id="email"),
        pytest.param(x509.IPAddress(ipaddress.ip_address("10.0.0.4")), True, id="ip"),
        pytest.param(x509.IPAddress(ipaddress.ip_address("fd00::4")), True, id="ipv6"),
        pytest.param(x509.UniformResourceIdentifier("spiffe://a/b"), True, id="uri"),
        pytest.param(x509.DNSName("other.example"), False, id="other"),
    ],
)
def test_client_allowed_sans(folder: Path, name: x509.GeneralName, allowed: bool) -> None:
    """A client whose certificate is good is still refused if it is for nobody on the list."""
    text = (
        CLIENTS + "RequireAndVerifyClientCert\n"
        "  client_allowed_sans:\n"
        "  - scraper.example\n  - ops@example.com\n  - 10.0.0.4\n  - fd00::4\n  - spiffe://a/b\n"
    )
    with serving(config=_config(folder, text)) as running:
        assert _is_let_in(running, _presenting(AUTHORITY, folder, name)) is allowed
        assert running.site.asked == int(allowed)


USERS = f"basic_auth_users:\n  prometheus: {HASH}\n"


def test_basic_authentication_covers_every_path(folder: Path) -> None:
    """401 for all that is asked without a password, the unknown path and method too."""
    with serving(config=_config(folder, USERS)) as running:
        for path, method in [("/metrics", "GET"), ("/nothing", "GET"), ("/metrics", "POST")]:
            answer = running.get(path, method=method)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Basic")
        wrong = {"Authorization": "Basic " + b64encode(b"prometheus:guess").decode()}
        assert running.get(headers=wrong).status == 401
        assert running.site.asked == 0
        assert running.get(headers=PASSWORD).body == EXPOSITION


def test_a_user_who_is_removed_is_out(folder: Path) -> None:
    """A change of the users holds for the next request of an open connection."""
    with serving(config=_config(folder, USERS)) as running:
        client = running.connection()
        assert ask(client, headers=PASSWORD).status == 200
        _config(folder, USERS.replace("prometheus", "grafana"))
        _look_again(running)
        assert ask(client, headers=PASSWORD).status == 401
        client.close()


def test_a_flood_of_wrong_passwords_stops_no_scraper(folder: Path) -> None:
    """With a cost of 10 each guess takes some 80 ms; who is known does not wait for them."""
    costly = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(10)).decode()
    with serving(config=_config(folder, f"basic_auth_users: {{prometheus: {costly}}}")) as running:
        assert running.get(headers=PASSWORD).status == 200
        flood = [running.raw() for _ in range(100)]
        for guess, client in enumerate(flood):
            word = b64encode(b"prometheus:%d" % guess)
            client.sendall(HEAD + b"Authorization: Basic " + word + b"\r\n\r\n")
        start = time.monotonic()
        for _ in range(10):
            assert running.get(headers=PASSWORD).status == 200
        assert time.monotonic() - start < 5
        for client in flood:
            client.close()


def test_a_rate_limit_is_kept(folder: Path) -> None:
    """The burst is answered, the rest is 429 whoever asks; another limit begins anew."""
    text = "rate_limit: {interval: 1h, burst: 3}\n"
    with serving(config=_config(folder, text + USERS)) as running:
        assert [running.get(headers=PASSWORD).status for _ in range(5)] == [200] * 3 + [429] * 2
        assert running.get().status == 429
        _config(folder, text.replace("3", "1") + USERS)
        _look_again(running)
        assert [running.get(headers=PASSWORD).status for _ in range(2)] == [200, 429]


def test_the_operators_headers_override(folder: Path) -> None:
    """http_server_config.headers stand on every answer; an empty one is left out."""
    text = (
        "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n"
        "    Strict-Transport-Security: max-age=31536000\n    Content-Security-Policy: ''\n"
    )
    with serving(config=_config(folder, text)) as running:
        for path in ("/metrics", "/nothing", "/page"):
            headers = running.get(path).headers
            assert headers["X-Frame-Options"] == "sameorigin"
            assert headers["Strict-Transport-Security"] == "max-age=31536000"
            assert "Content-Security-Policy" not in headers


# --- listening and ending ------------------------------------------------------------------------


def _addresses(listen: Callable[[WebServer], None]) -> tuple[str, ...]:
    with serving(listen=listen) as running:
        assert running.get().status == 200
        return running.server.addresses


def test_it_listens_where_it_is_told() -> None:
    """A host, all addresses, a name, and several of them at once."""
    assert len(_addresses(lambda server: server.listen("127.0.0.1:0"))) == 1
    assert _addresses(lambda server: server.listen(":0"))[0].startswith("0.0.0.0:")
    named = _addresses(lambda server: server.listen("localhost:0"))
    assert {address.rpartition(":")[0] for address in named} <= {"127.0.0.1", "[::1]"}
    assert len({address.rpartition(":")[2] for address in named}) == 1


def test_it_listens_on_ipv6() -> None:
    """An address in brackets."""
    if not socket.has_ipv6 or not _can_bind_ipv6():
        pytest.skip("this machine has no ::1")
    with serving(listen=lambda server: server.listen("[::1]:0")) as running:
        assert running.server.addresses[0].startswith("[::1]:")
        client = http.client.HTTPConnection("::1", running.port, timeout=10)
        assert ask(client).status == 200
        client.close()


def _can_bind_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("9975", "expected HOST:PORT, :PORT or [IPV6]:PORT"),
        ("::1:9975", "expected HOST:PORT, :PORT or [IPV6]:PORT"),
        ("localhost:http", "its port is not a number below 65536"),
        ("localhost:65536", "its port is not a number below 65536"),
        ("localhost:", "its port is not a number below 65536"),
        ("192.0.2.1:9975", "Cannot assign requested address"),
        ("a" * 70 + ".example:9975", ""),
        ("no\nhost.invalid:1", ""),
    ],
)
def test_an_address_that_can_not_be_had_is_one_line(address: str, reason: str) -> None:
    """What was given, and what is wrong with it."""
    with pytest.raises(UsageError) as error, serving(listen=lambda server: server.listen(address)):
        raise AssertionError
    assert str(error.value).startswith(f"listen address {address!a}: {reason}")
    assert "\n" not in str(error.value)


def test_a_port_that_is_taken_is_one_line(plain: Serving) -> None:
    """The kernel's own words."""
    address = plain.server.addresses[0]
    with pytest.raises(UsageError) as error, serving(listen=lambda server: server.listen(address)):
        raise AssertionError
    assert str(error.value) == f"listen address '{address}': Address already in use"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_socket_of_systemd_is_adopted(tmp_path: Path, family: socket.AddressFamily) -> None:
    """Socket activation hands over a listening descriptor, TCP or Unix."""
    listener = socket.socket(family)
    where = str(tmp_path / "socket") if family == socket.AF_UNIX else ("127.0.0.1", 0)
    listener.bind(where)
    listener.listen()
    name = listener.getsockname()
    descriptor = listener.detach()
    with (
        serving(listen=lambda server: server.adopt(descriptor)) as running,
        socket.socket(family) as client,
    ):
        assert running.server.addresses == (
            (name,) if family == socket.AF_UNIX else (f"127.0.0.1:{name[1]}",)
        )
        client.settimeout(10)
        client.connect(name)
        client.sendall(HEAD + b"Connection: close\r\n\r\n")
        assert read_all(client).endswith(EXPOSITION)


def test_a_descriptor_that_does_not_listen_is_one_line(tmp_path: Path) -> None:
    """A file, a closed descriptor, a socket that only connects."""
    with (tmp_path / "file").open("w") as file, socket.socket() as connecting:
        for descriptor, reason in {
            file.fileno(): "Socket operation on non-socket, expected a socket",
            9999: "Bad file descriptor, expected a socket",
            connecting.fileno(): "expected a listening TCP or Unix socket",
        }.items():
            with (
                pytest.raises(UsageError) as error,
                serving(listen=lambda server, fd=descriptor: server.adopt(fd)),  # type: ignore[misc]
            ):
                raise AssertionError
            assert str(error.value) == f"descriptor {descriptor}: {reason}"


def test_draining_finishes_what_is_being_answered() -> None:
    """No new connection, idle ones closed at once, an answer given and its connection closed."""
    with serving() as running, ThreadPoolExecutor(1) as pool:
        port = running.port
        idle, starting = running.connection(), running.raw()
        ask(idle)
        starting.sendall(HEAD)
        busy = running.raw()
        busy.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: running.site.running == 1)
        drained = pool.submit(running.do, running.server.drain(10))
        assert read_all(starting) == b""
        with pytest.raises((http.client.HTTPException, OSError)):
            ask(idle)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        assert not drained.done()
        running.open_gate()
        answer = read_all(busy)
        assert answer.endswith(b"at last\n")
        assert b"Connection: close\r\n" in answer
        drained.result(5)
        for client in (idle, starting, busy):
            client.close()


def test_draining_ends_when_its_time_is_up() -> None:
    """What is not answered by then is closed."""
    with serving() as running, running.raw() as busy:
        busy.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: running.site.running == 1)
        running.do(running.server.drain(0.1))
        assert read_all(busy) == b""
        assert running.site.cancelled == 1


# --- beside the others ---------------------------------------------------------------------------


def test_only_what_serves_is_imported() -> None:
    """No framework, no client; YAML and bcrypt come with a web.yml that wants them."""
    code = (
        "import sys, accelnet_agent.web_server\n"
        "print(*{'yaml', 'bcrypt', 'tornado.web', 'tornado.httpserver', 'tornado.httpclient',"
        " 'tornado.simple_httpclient', 'tornado.process', 'multiprocessing'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert found.split() == []


@contextlib.contextmanager
def _program(*command: str) -> Generator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.extend(process.stdout or ()))
    reader.start()
    try:
        yield
    except BaseException:
        process.kill()
        reader.join()
        print(b"".join(output).decode(errors="replace"))
        raise
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_prometheus_scrapes_it_with_the_file_of_its_other_exporters(tmp_path: Path) -> None:
    """One web.yml, node_exporter and accelnet: a real Prometheus finds both up."""
    if not shutil.which("prometheus") or not shutil.which("prometheus-node-exporter"):
        pytest.skip("wants prometheus and prometheus-node-exporter (Debian's packages)")
    SERVER.write(tmp_path, "server")
    (tmp_path / "ca.crt").write_text(AUTHORITY.cert)
    AUTHORITY.client().write(tmp_path, "client")
    config = _config(
        tmp_path,
        CLIENTS + "RequireAndVerifyClientCert\n  min_version: TLS12\n"
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n"
        "  curve_preferences: [CurveP256, X25519]\n"
        "http_server_config:\n  headers: {X-Frame-Options: deny}\n" + USERS,
    )
    node, prometheus = _free_port(), _free_port()
    with serving(config=config) as running:
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n"
            "- job_name: both\n"
            "  scheme: https\n"
            "  basic_auth: {username: prometheus, password: open sesame}\n"
            "  tls_config: {ca_file: ca.crt, cert_file: client.crt, key_file: client.key}\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{node}', '127.0.0.1:{running.port}']}}]\n"
        )
        with (
            _program(
                "prometheus-node-exporter",
                f"--web.listen-address=127.0.0.1:{node}",
                f"--web.config.file={config}",
                "--collector.disable-defaults",
                "--collector.uname",
            ),
            _program(
                "prometheus",
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            ),
        ):
            wait_until(lambda: _found(prometheus, "up == 1") == 2, 20)
            assert _found(prometheus, "accelnet_up == 1") == 1


def _found(port: int, query: str) -> int:
    """How many series the query finds."""
    from urllib.parse import quote

    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        body = ask(client, f"/api/v1/query?query={quote(query)}").body
        return len(json.loads(body)["data"]["result"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return -1  # not there yet
    finally:
        client.close()
