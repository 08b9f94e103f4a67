"""accelnet-check: observe a machine, judge it, say why.

Only `main` ends the process.  Standard output carries the report alone; what
is unusable gets one line on standard error and status 64.
"""

from __future__ import annotations

import os
import sys

from accelnet_agent.report import EXIT_STATUS, INTERRUPTED, UNUSABLE, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from accelnet_agent.arguments import Options
    from accelnet_agent.data.known_issues import KnownIssue
    from accelnet_agent.report import Report
    from accelnet_probes.host import Host

WAIT_STEP = 2.0  # seconds between two observations of --wait


def main() -> NoReturn:
    """The console script."""
    try:
        status = run(sys.argv[1:])
    except UsageError as error:
        _complain(" ".join(str(error).split()))
        status = UNUSABLE
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:  # noqa: BLE001  a traceback's status 1 would read as "warn"
        _complain(f"a bug in accelnet, please report it: {type(error).__name__}: {error}")
        status = UNUSABLE
    # All that was to be written went by os.write; taking the interpreter apart in good
    # order costs a tenth of this command (docs/performance.md).
    os._exit(status)


def _complain(message: str) -> None:
    line = f"accelnet-check: {_printable(message)}\n"
    try:
        os.write(2, line.encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # the status says it as well


def run(arguments: Sequence[str]) -> int:
    """Do what `arguments` ask and return the exit status; UsageError."""
    from accelnet_agent.arguments import parse, parser

    options = parse(arguments)
    if options.help:
        return _print(parser().format_help())
    if options.version:
        from accelnet_agent.version import VERSION

        return _print(f"accelnet {VERSION}\n")
    if options.list_checks:
        from accelnet_agent.catalogue import listing

        return _print(listing())
    if options.explain is not None:
        return _print(_explanation(options.explain))
    _look_ahead(options)
    if options.summarize:
        from accelnet_agent import summarize

        text, status = summarize.run(options, colour=options.output is None and _colour())
        _write(text, options.output)
        return status
    report = _verify(options)
    _write(_render(report, options), options.output)
    return EXIT_STATUS[report.verdict]


def _look_ahead(options: Options) -> None:
    """What can not be written is better said before a window, or a wait, than after."""
    if options.record is not None and os.path.lexists(options.record):
        raise UsageError(f"--record {options.record}: it is there already; choose another name")
    for flag, path in (("record", options.record), ("output", options.output)):
        folder = os.path.dirname(os.path.abspath(path)) if path is not None else "/"
        if not os.path.isdir(folder):
            raise UsageError(f"--{flag} {path}: No such directory: {folder}")


def _explanation(check_id: str) -> str:
    from accelnet_agent.catalogue import explain

    try:
        return explain(check_id)
    except OSError as error:
        raise UsageError(f"--explain {check_id}: {error}") from error


def _print(text: str) -> int:
    _write(text, None)
    return 0


def _verify(options: Options) -> Report:
    """Observe and judge, again and again with --wait; record the last where asked."""
    import time

    issues: tuple[KnownIssue, ...] = ()
    if options.known_issues is not None:
        from accelnet_agent.known_issues_file import load

        issues = load(options.known_issues)
    until = time.monotonic() + options.wait
    while True:
        host = _host(options)
        report = _judge(host, options, issues)
        live = options.bundle is None and options.root is None
        if not live or report.verdict == "pass" or time.monotonic() >= until:
            break
        time.sleep(min(WAIT_STEP, max(0.0, until - time.monotonic())))
    if options.record is not None:
        _record(host, options.record, redact=options.redact)
    return report


def _judge(host: Host, options: Options, issues: tuple[KnownIssue, ...]) -> Report:
    from accelnet_agent.checks import CHECKS
    from accelnet_agent.engine import judge
    from accelnet_agent.machine import build
    from accelnet_probes.observe import observe
    from accelnet_probes.record import replace

    machine = build(observe(host), options.expect, options.interface)
    if issues:
        machine = replace(machine, known_issues=issues)
    missing = [name for name in options.interface if name not in {nic.name for nic in machine.nics}]
    if missing:
        raise UsageError(f"--interface {missing[0]}: no synthetic or direct NIC has that name")
    return judge(machine, CHECKS, only=options.only, skip=options.skip)


def _host(options: Options) -> Host:
    if options.bundle is not None:
        from accelnet_probes.bundle import BundleError, BundleHost

        try:
            return BundleHost(options.bundle)
        except BundleError as error:
            raise UsageError(f"--bundle {options.bundle}: {error}") from error
    from accelnet_probes.live import LiveHost, RootHost

    if options.root is not None:
        try:
            return RootHost(options.root)
        except OSError as error:
            raise UsageError(f"--root {options.root}: {error.strerror}") from error
    host: Host = LiveHost(
        window=options.window,
        endpoint=options.imds_endpoint,
        proof=options.interface if options.active_proof else None,
    )
    if options.record is not None:
        from accelnet_probes.recording import RecordingHost

        host = RecordingHost(host)
    return host


def _record(host: Host, path: str, *, redact: bool) -> None:
    from accelnet_agent.version import VERSION
    from accelnet_probes.recording import Recording, RecordingHost, write

    if not isinstance(host, RecordingHost):
        raise TypeError(f"{type(host).__name__} does not record")
    recording = Recording(host, f"accelnet {VERSION}")
    if redact:
        from accelnet_probes.redaction import redacted

        recording = redacted(recording, host_name=os.uname().nodename)
    try:
        write(recording, path)
    except OSError as error:
        raise UsageError(f"--record {path}: {error.strerror}") from error


def _render(report: Report, options: Options) -> str:
    if options.format == "json":
        from accelnet_agent.render_json import render
    elif options.format == "junit":
        from accelnet_agent.render_junit import render
    elif options.format == "tap":
        from accelnet_agent.render_tap import render
    elif options.format == "nagios":
        from accelnet_agent.render_nagios import render
    elif options.format == "prometheus":
        from accelnet_agent.render_prometheus import render
    else:
        from accelnet_agent import render_text

        return render_text.render(report, colour=options.output is None and _colour())
    return render(report)


def _colour() -> bool:
    """Only on a terminal that can, and not where NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "", "dumb"):
        return False
    return sys.stdout is not None and sys.stdout.isatty()


def _write(text: str, output: str | None) -> None:
    data = text.encode("utf-8", "backslashreplace")
    try:
        if output is None:
            _write_all(1, data)
        else:
            _replace(output, data)
    except OSError as error:
        where = "standard output" if output is None else f"--output {output}"
        raise UsageError(f"{where}: {error.strerror}") from error


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _replace(path: str, data: bytes) -> None:
    """Write a file whole or not at all; into a pipe or device as it comes."""
    if os.path.exists(path) and not os.path.isfile(path):
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            return _write_all(fd, data)
        finally:
            os.close(fd)
    path = os.path.realpath(path)
    temporary = f"{path}.{os.getpid()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            _write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
