"""The paths of accelnet-agent, each a function from a request to an answer."""

from __future__ import annotations

import json
import time

from accelnet_agent import health, watch_metrics
from accelnet_agent.clock import moment
from accelnet_agent.metrics import UNOBSERVED, of_counters, of_state
from accelnet_agent.observer import unanswered
from accelnet_agent.render_json import render as render_json
from accelnet_agent.web_http import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from accelnet_agent.daemon_arguments import Options
    from accelnet_agent.exporter import Exposition
    from accelnet_agent.metrics import Family
    from accelnet_agent.observer import Observation, Observer
    from accelnet_agent.report import Report
    from accelnet_agent.shares import Shares
    from accelnet_agent.tracker import Tracker
    from accelnet_agent.web_http import Request

JSON, HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"
FRESH = 2.0  # seconds: a monitor that asks often need not make an observation each time
HOUR = 3600.0
TOO_LATE = "no answer in time for this scrape"


class Routes:
    """Answers from the observer's observations and the tracker's memory."""

    def __init__(
        self, observer: Observer, tracker: Tracker, shares: Shares, options: Options
    ) -> None:
        self._observer, self._tracker, self._shares = observer, tracker, shares
        self._options = options
        self._unknown_is_healthy = options.health_unknown == "healthy"
        self._exposition: Exposition | None = None
        self._known: tuple[object, tuple[Family, ...]] | None = None
        self._pages: dict[bool, tuple[Observation, bytes]] = {}  # by whether it is OpenMetrics
        self._started = time.monotonic()

    def table(self) -> dict[str, Callable[[Request], Awaitable[Response]]]:
        """Path to route."""
        return {
            self._options.web_telemetry_path: self.metrics,
            "/healthz": self.healthz,
            "/application-health": self.application_health,
            "/livez": self.livez,
            "/report": self.report,
            "/": self.page,
        }

    async def metrics(self, request: Request) -> Response:
        """The metrics of an observation that is made for this request, and who asks beside it."""
        before = self._observer.last
        found = await self._observer.recent(0.0, request.deadline)
        from accelnet_agent import exporter

        wanted = exporter.wants_openmetrics(request.headers.get("Accept") or "")
        late = found is before
        body = self._rendered(found, as_openmetrics=wanted, late=late)
        return Response(
            status=200, content_type=exporter.content_type(as_openmetrics=wanted), body=body
        )

    def _rendered(
        self, observation: Observation | None, *, as_openmetrics: bool, late: bool
    ) -> bytes:
        page = self._pages.get(as_openmetrics)
        if page is not None and page[0] is observation and not late:
            return page[1]
        if self._exposition is None:
            from accelnet_agent.exporter import Exposition

            self._exposition = Exposition()
        found = self._families(observation, late=late)
        text = self._exposition.render(found, as_openmetrics=as_openmetrics)
        if observation is not None and not late:
            self._pages[as_openmetrics] = (observation, text)
        return text

    def _families(self, observation: Observation | None, *, late: bool) -> tuple[Family, ...]:
        if observation is None:
            return UNOBSERVED
        self._tracker.advance(moment())
        totals = {
            track.name: track.totals
            for track in self._tracker.tracks.values()
            if track.ifindex is not None
        }
        report = observation.report
        if late:  # it has not ended: what it waits for is the kernel
            report = unanswered(report, TOO_LATE)
        return (
            *self._state(observation, report),
            *of_counters(report),
            *watch_metrics.families(totals, report.machine.snapshot.probes, observation.durations),
        )

    def _state(self, observation: Observation, report: Report) -> tuple[Family, ...]:
        """What is found: made anew where it is another than the last time."""
        key = (
            observation.stamp,
            tuple([finding.status for finding in report.findings]),
            tuple([nic.datapath.state for nic in report.machine.nics]),
        )
        if self._known is None or self._known[0] != key:
            self._known = (key, of_state(report))
        return self._known[1]

    async def healthz(self, request: Request) -> Response:
        """The verdict: 200 or 503."""
        found = await self._observer.recent(FRESH, request.deadline)
        status, body = health.healthz(
            found.report if found is not None else None, unknown_is_healthy=self._unknown_is_healthy
        )
        return Response(status=status, content_type=JSON, body=body.encode())

    async def application_health(self, request: Request) -> Response:
        """The same as a rich health state."""
        found = await self._observer.recent(FRESH, request.deadline)
        status, body = health.application_health(
            found.report if found is not None else None, unknown_is_healthy=self._unknown_is_healthy
        )
        return Response(status=status, content_type=JSON, body=body.encode())

    async def livez(self, request: Request) -> Response:  # noqa: ARG002  a route takes one
        """The agent itself, and what it uses."""
        import psutil  # the one reader of its own resources

        process = psutil.Process()
        body = {
            "status": "ok",
            "uptime_seconds": round(time.monotonic() - self._started, 3),
            "rss_bytes": process.memory_info().rss,
            "open_fds": process.num_fds(),
        }
        return Response(status=200, content_type=JSON, body=(json.dumps(body) + "\n").encode())

    async def report(self, request: Request) -> Response:
        """The report as accelnet-check --format json prints it."""
        found = await self._observer.recent(FRESH, request.deadline)
        if found is None:
            body = b'{"error": "nothing has been observed yet"}\n'
            return Response(status=503, content_type=JSON, body=body)
        return Response(status=200, content_type=JSON, body=render_json(found.report).encode())

    async def page(self, request: Request) -> Response:
        """The page for people."""
        from accelnet_agent.page import NicHistory, PageFacts, PastEvent, SharePoint, render
        from accelnet_agent.render_json import document

        found = await self._observer.recent(FRESH, request.deadline)
        now = moment()
        events = tuple(
            PastEvent(
                at=now.wall - happening.age(now),
                device=happening.nic,
                event=happening.kind,
                vf=happening.vf,
                note=happening.note,
            )
            for happening in self._tracker.happenings
            if happening.age(now) < HOUR
        )
        facts = PageFacts(
            document=document(found.report) if found is not None else None,
            histories=tuple(
                NicHistory(
                    device=name,
                    shares=tuple(
                        SharePoint(at=at, seconds=seconds, vf_packets=vf, synthetic_packets=past)
                        for at, seconds, vf, past in points
                    ),
                )
                for name, points in self._shares.of_the_last_hour(now).items()
            ),
            events=events,
            now=now.wall,
        )
        return Response(status=200, content_type=HTML, body=render(facts))
