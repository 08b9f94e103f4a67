"""Chromium and a web server on loopback: what a browser makes of a page under a policy."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

CHROMIUM = Path("/usr/bin/chromium")
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# No window, no GPU, and nothing asked of anyone but the page's own server.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)
DARK = "--blink-settings=preferredColorScheme=0"
SECONDS = 60.0  # then the browser hangs
NARROWEST = 500  # of a window; what is to be narrower stands in a frame
FRAME = (
    "<!DOCTYPE html><style>body{{margin:0}}iframe{{border:0;display:block}}</style>"
    '<iframe src="/" width="{width}" height="{height}"></iframe>'
)
MEASURE = (
    b"<script>{const{scrollWidth,scrollHeight}=document.documentElement;"
    b"parent.document.body.dataset.extent=`${scrollWidth} ${scrollHeight}`}</script></body>"
)


class Seen(NamedTuple):
    """What the browser left on its outputs."""

    dom: str
    console: list[str]  # messages of the page, violations of the policy among them


class Answer(NamedTuple):
    """What the server says."""

    body: bytes
    status: int = 200
    whole: bool = True  # or it hangs up before the end
    policy: str = POLICY


class Site:
    """A web server on loopback that counts what it is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []


@contextlib.contextmanager
def serving(answer: Callable[[str], Answer]) -> Generator[Site]:
    """Serve what `answer` gives for a path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            given = answer(self.path)
            self.send_response(given.status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", given.policy)
            self.send_header("Content-Length", str(len(given.body) + (not given.whole)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def browse(url: str, *flags: str, javascript: bool = True) -> Seen:
    """Run Chromium once, with a profile of its own that is new and empty."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        if not javascript:  # as the operator's setting does it
            settings = {"profile": {"default_content_setting_values": {"javascript": 2}}}
            folder = Path(profile) / "Default"
            folder.mkdir()
            (folder / "Preferences").write_text(json.dumps(settings))
        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *flags, url]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as browser:
            try:
                dom, log = browser.communicate(timeout=SECONDS)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(browser.pid, signal.SIGKILL)  # what it has left behind
        if browser.returncode != 0:
            raise RuntimeError(f"chromium: status {browser.returncode}: {log[-2000:]}")
        return Seen(dom=dom, console=[line for line in log.splitlines() if "CONSOLE" in line])


@contextlib.contextmanager
def showing(html: bytes, width: int, height: int) -> Generator[str]:
    """The address of a page that is that wide, in a frame where no window can be."""
    policy = POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    frame = FRAME.format(width=width, height=height).encode()

    def answer(path: str) -> Answer:
        if path == "/frame":
            return Answer(frame, policy=f"{policy}; frame-src 'self'")
        return Answer(html, policy=policy)

    with serving(answer) as site:
        yield f"{site.url}frame" if width < NARROWEST else site.url


def extent(html: bytes, width: int) -> tuple[int, int]:
    """How wide and high a page is that may be `width` wide."""
    with showing(html.replace(b"</body>", MEASURE), width, 600) as url:
        seen = browse(url, f"--window-size={width},600", "--dump-dom")
    found = re.search(r'data-extent="(\d+) (\d+)"', seen.dom)
    if found is None:
        raise RuntimeError(f"chromium measured nothing: {seen}")
    return int(found[1]), int(found[2])
