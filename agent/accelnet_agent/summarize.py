"""accelnet-check --summarize: read the reports of a fleet, and say what they say together."""

from __future__ import annotations

import gc
import os
from datetime import datetime, timezone

from accelnet_agent import fleet_files
from accelnet_agent.fleet import Fleet, Place
from accelnet_agent.fleet_fields import AlienError, is_object
from accelnet_agent.fleet_names import ARCHIVES, STREAMS
from accelnet_agent.fleet_progress import Progress
from accelnet_agent.fleet_report import Reports, is_summary
from accelnet_agent.fleet_summary import summarize
from accelnet_agent.report import EXIT_STATUS, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from accelnet_agent.arguments import Options

STDIN = "-"


def run(options: Options, *, colour: bool) -> tuple[str, int]:
    """The summary as it is to be written, and the exit status; UsageError."""
    fleet = Fleet()
    gc.disable()  # documents have no cycles, and looking for some takes a fifth of the time
    try:
        _Reader(fleet).read_all(_operands(options))
    finally:
        gc.enable()
    if not fleet.reports:
        raise UsageError(f"--summarize: {_nothing(fleet)}")
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    summary = summarize(fleet, stale_after=options.stale_after, now=now)
    if options.format == "json":
        from accelnet_agent import fleet_json

        text = fleet_json.render(summary, options.by)
    else:
        from accelnet_agent import fleet_text

        screen = fleet_text.Screen(columns=_columns(options), colour=colour)
        text = fleet_text.render(summary, options.by, screen)
    return text, EXIT_STATUS[summary.verdict]


def _nothing(fleet: Fleet) -> str:
    if not fleet.unreadable.count:
        return "no report was found"
    (what, why), more = fleet.unreadable.first[0], fleet.unreadable.count - 1
    return f"no report: {what}: {why}" + (f" (and {more} more)" if more else "")


def _columns(options: Options) -> int:
    """The terminal's width; 80 in a file or a pipe."""
    try:
        columns = os.get_terminal_size(1).columns if options.output is None else 80
    except OSError:
        columns = 80
    return min(max(columns or 80, 60), 120)


def _operands(options: Options) -> list[str]:
    """What was named as an argument, and in the file of --files0-from."""
    found = list(options.reports)
    if options.files0_from is not None:
        found += _listed(options.files0_from)
    return found


def _listed(path: str) -> list[str]:
    try:
        if path == STDIN:
            data = b"".join(iter(lambda: os.read(0, 1 << 16), b""))
        else:
            with open(path, "rb") as file:
                data = file.read()
    except OSError as error:
        raise UsageError(f"--files0-from {path}: {error.strerror}") from error
    return [os.fsdecode(name) for name in data.split(b"\0") if name]


class _Reader:
    """Reads each thing once."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet, self._reports = fleet, Reports()
        self._read: set[tuple[int, int]] = set()  # device and inode
        self._progress = Progress(0)
        self._done = 0

    def read_all(self, operands: Iterable[str]) -> None:
        paths = self._files(operands)
        self._progress = Progress(len(paths))
        try:
            for path in paths:
                try:
                    self._file(path)
                except AlienError as error:
                    self._fleet.unreadable.add(path, str(error))
                self._done += 1
        finally:
            self._progress.end()

    def _files(self, operands: Iterable[str]) -> list[str]:
        """In an order that does not hang on that of the operands."""
        found: set[str] = set()
        for operand in sorted(set(operands)):
            if operand == STDIN or not os.path.isdir(operand):
                found.add(operand)
                continue
            for path, why in fleet_files.files_below(operand):
                if why is None:
                    found.add(path)
                elif why == fleet_files.OTHER:
                    self._fleet.passed_over.add(path, why)
                else:
                    self._fleet.unreadable.add(path, why)
        return sorted(found)

    def _file(self, path: str) -> None:
        if path == STDIN:
            return self._stream(0, STDIN)
        opened = fleet_files.open_file(path)
        if opened is None:
            return self._bundle(path)
        fd, which = opened
        try:
            if which in self._read:
                return self._fleet.passed_over.add(path, "it was read by another name")
            self._read.add(which)
            if path.endswith(STREAMS):
                return self._stream(fd, path)
            if path.endswith(ARCHIVES):
                return self._bundle(path)
            self._take(Place(path=path), fleet_files.decoded(fleet_files.whole(fd)))
        finally:
            os.close(fd)

    def _stream(self, fd: int, path: str) -> None:
        before = nth = 0
        for line, document in fleet_files.documents(fd):
            nth = nth + 1 if line == before else 1
            before = line
            place = Place(path=path, line=line, nth=nth)
            try:
                if isinstance(document, AlienError):
                    raise document
                self._take(*_unwrapped(place, document))
            except AlienError as error:
                self._fleet.unreadable.add(str(place), str(error))
        if not before:
            raise AlienError("it is empty")

    def _bundle(self, path: str) -> None:
        """A recording is judged here, as --bundle does."""
        from accelnet_agent.checks import CHECKS
        from accelnet_agent.engine import judge
        from accelnet_agent.machine import build
        from accelnet_agent.render_json import document
        from accelnet_probes.bundle import BundleError, BundleHost
        from accelnet_probes.observe import observe

        try:
            host = BundleHost(path)
        except BundleError as error:
            raise AlienError(f"no bundle: {error}") from error
        self._take(Place(path=path), document(judge(build(observe(host)), CHECKS)))

    def _take(self, place: Place, document: Any) -> None:
        if is_summary(document):
            return self._fleet.passed_over.add(str(place), "a summary of a fleet")
        self._fleet.add(place, self._reports.read(document))
        return self._progress.at(self._done, self._fleet.reports)


def _unwrapped(place: Place, document: Any) -> tuple[Place, Any]:
    """A line may say whose report it is: {"name": "web1", "report": {...}}."""
    if is_object(document) and "report" in document and "verdict" not in document:
        name = document.get("name")
        if type(name) is not str or not name:
            raise AlienError("name: expected text beside a report")
        named = Place(path=place.path, line=place.line, nth=place.nth, name=name[:200])
        return named, document["report"]
    return place, document
