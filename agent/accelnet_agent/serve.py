"""The agent's parts put together: what is listened to, what is looked at, what ends it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager
from functools import partial

from accelnet_agent.agent import Agent
from accelnet_agent.daemon_arguments import unknown_variables
from accelnet_agent.kernel import Kernel
from accelnet_agent.logs import Log
from accelnet_agent.observer import Observer
from accelnet_agent.routes import Routes
from accelnet_agent.service import Notifier, passed_sockets
from accelnet_agent.state_file import StateFile
from accelnet_agent.version import VERSION
from accelnet_probes.resident import ResidentHost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from accelnet_agent.daemon_arguments import Options
    from accelnet_agent.tracker import Tracker
    from accelnet_agent.web_config import WebConfigFile
    from accelnet_probes.asker import Asker

FIRST_ANSWERS = 0.25  # seconds in which what answers comes before what can wait
DRAIN = 5.0  # seconds for answers that are under way when it is told to end


async def serve(options: Options, asker: Asker | None) -> None:
    """Until SIGTERM or SIGINT; UsageError."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: _bug(log, context))
    log, notifier = Log(options.log_level, options.log_format), Notifier()
    log.hold()
    try:
        await _serve(options, asker, log, notifier)
    finally:
        log.release()


async def _serve(options: Options, asker: Asker | None, log: Log, notifier: Notifier) -> None:
    loop = asyncio.get_running_loop()
    with _no_certificates():
        from accelnet_agent.web_server import WebServer

    for variable in unknown_variables(os.environ):
        log("warning", "settings.unknown", variable=variable)
    config = _web_config(options, log)
    state = StateFile(options.state_directory)
    host = ResidentHost(prefix=options.path_rootfs)
    tracker = _tracker(state, log)
    agent: Agent | None = None
    kernel = Kernel(asker, lambda: agent.stir() if agent is not None else None)
    observer = Observer(host, kernel, tracker, expect=options.expect, grace=options.vf_grace)
    agent = Agent(observer, host, tracker, options, log)
    agent.attach(state, notifier)
    routes = Routes(observer, tracker, agent.shares, options)
    server = WebServer(
        routes.table(),
        config=config,
        max_requests=options.web_max_requests,
        on_event=partial(_web_event, log),
    )
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    passed = passed_sockets()
    for fd in passed:
        server.adopt(fd)
    for address in () if passed else options.web_listen_address:
        server.listen(address)
    await agent.begin()
    loop.add_signal_handler(signal.SIGHUP, lambda: _reload(agent, config, notifier, log))
    notifier("READY=1", f"STATUS=Serving on {', '.join(server.addresses)}")
    log("info", "agent.started", version=VERSION, addresses=" ".join(server.addresses))
    loop.call_later(FIRST_ANSWERS, log.release)
    await ending.wait()
    notifier("STOPPING=1")
    log("info", "agent.stopping")
    await server.drain(DRAIN)
    agent.end(kernel)


@contextmanager
def _no_certificates() -> Generator[None]:
    """tornado reads the system's CAs when it is imported, as if it were a client: a MiB for none.

    Nothing here connects to a TLS server; web.yml names its own client_ca_file.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def _bug(log: Log, context: dict[str, Any]) -> None:
    """What nobody has caught: one line, and the rest goes on."""
    error = repr(context.get("exception")) if "exception" in context else context.get("message")
    log.repeated("error", "agent.bug", error=error, help="please report it")


def _web_event(log: Log, event: str, **facts: object) -> None:
    log("warning", f"web.{event}", **facts)


def _web_config(options: Options, log: Log) -> WebConfigFile | None:
    if options.web_config_file is None:
        return None
    from accelnet_agent.web_config import WebConfigFile

    return WebConfigFile(
        options.web_config_file,
        on_error=lambda message: log("error", "web.config.unusable", error=message),
        on_reload=lambda: log("info", "web.config.reloaded"),
    )


def _tracker(state: StateFile, log: Log) -> Tracker:
    from accelnet_agent.clock import boot_id, moment
    from accelnet_agent.history import decode
    from accelnet_agent.tracker import Tracker

    now = moment()
    kept = state.load(
        lambda text: decode(text, boot_id(), now),
        lambda why: log("warning", "state.unusable", why=why),
    )
    return kept if kept is not None else Tracker(now.boot)


def _reload(agent: Agent, config: WebConfigFile | None, notifier: Notifier, log: Log) -> None:
    """SIGHUP: read the web configuration anew, and look again."""
    notifier.reloading()
    log("info", "agent.reloading")
    if config is not None:
        config.reload()
    agent.stir()
    notifier("READY=1")
