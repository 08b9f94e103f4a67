"""A metadata service on loopback that remembers what it was asked, and may hang.

with metadata_server({"/metadata/instance": (200, b"{}")}) as service:
    ...  # service.endpoint
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes]


class MetadataServer(ThreadingHTTPServer):
    """Answers by path; a path that it does not know it lets wait until it is closed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = dict(answers)
        self.requests: list[tuple[str, str, str]] = []  # method, path, the header Metadata
        self.closing = threading.Event()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self, path: str) -> int:
        """How often it was asked for this."""
        return sum(asked == path for _, asked, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    def handle_one_request(self) -> None:
        """Whatever the method, it is remembered."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        server = self.server
        assert isinstance(server, MetadataServer)
        path = self.path.partition("?")[0]
        server.requests.append((self.command, path, self.headers.get("Metadata", "")))
        answer = server.answers.get(path)
        if answer is None:
            server.closing.wait(60)
            return
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own
        """Nothing on standard error."""


@contextmanager
def metadata_server(answers: Mapping[str, Answer]) -> Generator[MetadataServer]:
    """One that runs."""
    with MetadataServer(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
