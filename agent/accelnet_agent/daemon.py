"""accelnet-agent: exporter, health endpoint and live VF events.

Only `main` ends the process.  What is unusable gets one line on standard error and
status 64; everything else goes on: a part that fails leaves the rest served.
"""

from __future__ import annotations

import os
import signal
import sys

from accelnet_agent.daemon_arguments import parse, parser
from accelnet_agent.logs import printable
from accelnet_agent.report import UNUSABLE, UsageError
from accelnet_agent.version import VERSION
from accelnet_probes.asker import Asker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main() -> NoReturn:
    """The console script."""
    try:
        status = run(sys.argv[1:])
    except UsageError as error:
        _complain(" ".join(str(error).split()))
        status = UNUSABLE
    sys.exit(status)


def _complain(message: str) -> None:
    if sys.stderr is not None:  # 2 was closed at our start
        sys.stderr.write(f"accelnet-agent: {printable(message)}\n")


def run(arguments: Sequence[str]) -> int:
    """Do what `arguments` ask, for as long as it takes; UsageError."""
    options = parse(arguments, os.environ)
    if options.help or options.version:
        sys.stdout.write(parser().format_help() if options.help else f"accelnet {VERSION}\n")
        return 0
    if not os.path.isdir(options.path_rootfs):
        raise UsageError(f"{options.path_rootfs}: no such folder, expected the machine's root")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    try:
        asker: Asker | None = Asker()  # early: it stays as small as this process is now
    except OSError:
        asker = None
    import asyncio

    from accelnet_agent.serve import serve

    asyncio.run(serve(options, asker))
    return 0
