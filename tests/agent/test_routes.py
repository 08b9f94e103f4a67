"""routes: what each path answers, in time, whatever the kernel does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from accelnet_agent.clock import moment
from accelnet_agent.exporter import wants_openmetrics
from accelnet_agent.routes import Routes
from accelnet_probes.record import replace
from machines import Machine, Running, read_samples, running
from reading import shown

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@pytest.fixture(name="machine")
def fixture_machine(tmp_path: Path) -> Machine:
    """A healthy VM."""
    return Machine(tmp_path)


def _run(machine: Machine, scenario: Callable[[Running], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with running(machine, **options) as agent:
            await scenario(agent)

    asyncio.run(run())


def _unobserved(agent: Running) -> None:
    """As before the first observation, of a kernel that does not answer."""
    agent.observer.last = None
    agent.machine.hang()


# --- the paths -----------------------------------------------------------------------------------


def test_the_paths_are_these(machine: Machine) -> None:
    """That of the metrics is the operator's choice."""

    async def scenario(agent: Running) -> None:
        assert set(agent.routes.table()) == {
            "/numbers",
            "/healthz",
            "/application-health",
            "/livez",
            "/report",
            "/",
        }

    _run(machine, scenario, web_telemetry_path="/numbers")


def test_a_healthy_vm(machine: Machine) -> None:
    """Every path says so, each in its way."""

    async def scenario(agent: Running) -> None:
        status, health = await agent.json("/healthz")
        assert (status, health["verdict"], health["findings"]) == (200, "pass", [])
        assert await agent.json("/application-health") == (
            200,
            {"ApplicationHealthState": "Healthy"},
        )
        status, report = await agent.json("/report")
        assert (status, report["verdict"], report["source"]) == (200, "pass", "live")
        page = await agent.get("/")
        assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
        assert "eth0" in shown(page.body)
        samples = await agent.samples()
        assert samples["verdict"] == 0
        assert samples['nic_datapath{device="eth0",state="vf"}'] == 1
        assert samples['vf_transmit_packets_total{device="eth0"}'] == 1000
        assert samples['vf_events_total{device="eth0",event="removed"}'] == 0

    _run(machine, scenario)


def test_livez_says_what_the_agent_uses(machine: Machine) -> None:
    """Whatever the verdict, and though the kernel hangs."""

    async def scenario(agent: Running) -> None:
        agent.machine.hang()
        status, body = await agent.json("/livez")
        assert (status, body["status"]) == (200, "ok")
        assert body["uptime_seconds"] >= 0
        assert body["rss_bytes"] > 1 << 20
        assert body["open_fds"] > 2

    _run(machine, scenario)


def test_before_the_first_observation_everything_is_unknown(machine: Machine) -> None:
    """Each path in time."""

    async def scenario(agent: Running) -> None:
        _unobserved(agent)
        assert read_samples((await agent.get("/metrics", timeout=1)).body).get("verdict") == 3
        for path, status in (("/healthz", 503), ("/application-health", 503), ("/report", 503)):
            answer = await agent.get(path, timeout=0.2)
            assert answer.status == status
            json.loads(answer.body)
        page = await agent.get("/", timeout=0.2)
        assert page.status == 200
        assert "has not looked yet" in shown(page.body)

    _run(machine, scenario)


@pytest.mark.parametrize(("healthy", "status"), [("healthy", 200), ("unhealthy", 503)])
def test_the_operator_says_what_unknown_is(machine: Machine, healthy: str, status: int) -> None:
    """--health.unknown."""

    async def scenario(agent: Running) -> None:
        _unobserved(agent)
        assert (await agent.get("/healthz", timeout=0.2)).status == status
        assert (await agent.get("/application-health", timeout=0.2)).status == status

    _run(machine, scenario, health_unknown=healthy)


# --- scrapes -------------------------------------------------------------------------------------


def test_each_scrape_is_of_now(machine: Machine) -> None:
    """An observation is made for it."""

    async def scenario(agent: Running) -> None:
        for count in (2000, 3000):
            machine.count(vf_tx_packets=count)
            samples = await agent.samples()
            assert samples['vf_transmit_packets_total{device="eth0"}'] == count

    _run(machine, scenario)


def test_those_who_scrape_at_once_share_an_observation(machine: Machine) -> None:
    """64 of them, in both formats."""

    async def scenario(agent: Running) -> None:
        asked = machine.asked
        answers = await asyncio.gather(
            *(agent.get("/metrics", accept=OPENMETRICS * (n % 2)) for n in range(64))
        )
        assert machine.asked == asked + 1
        assert len({answer.body for answer in answers}) == 2
        assert {answer.status for answer in answers} == {200}

    _run(machine, scenario)


def test_openmetrics_where_it_is_asked_for(machine: Machine) -> None:
    """With its media type and its end."""

    async def scenario(agent: Running) -> None:
        answer = await agent.get("/metrics", accept=OPENMETRICS)
        assert wants_openmetrics(OPENMETRICS)
        assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert answer.body.endswith(b"# EOF\n")

    _run(machine, scenario)


def test_a_kernel_that_hangs_is_seen_in_the_scrape_that_finds_it(machine: Machine) -> None:
    """In time for a timeout of a second; nobody joins it, and it recovers by itself."""

    async def scenario(agent: Running) -> None:
        before = await agent.samples()
        asked = machine.asked
        machine.hang()
        started = time.monotonic()
        samples = await agent.samples(timeout=1)
        assert time.monotonic() - started < 1
        assert samples['probe_success{probe="ethtool"}'] == 0
        assert samples['probe_success{probe="addresses"}'] == 0
        assert samples['probe_success{probe="pci"}'] == 1
        assert samples['check_status{check="probes-answered",device="host"}'] == 2
        assert samples["verdict"] == 2
        assert set(before) == set(samples)
        for _ in range(20):
            again = await agent.samples(timeout=1)
            assert again['probe_success{probe="ethtool"}'] == 0
        assert machine.asked == asked + 1
        await agent.until(lambda: agent.observer._flight is None)
        assert (await agent.json("/healthz"))[0] == 503
        machine.recover()
        for _ in range(200):
            samples = await agent.samples(timeout=1)
            if samples['probe_success{probe="ethtool"}'] == 1:
                break
            await asyncio.sleep(0.02)
        assert samples["verdict"] == 0
        assert (await agent.json("/healthz"))[0] == 200

    _run(machine, scenario)


def test_what_was_not_answered_has_no_series(machine: Machine) -> None:
    """After the deadline of the observation itself: no number stays as it was."""

    async def scenario(agent: Running) -> None:
        machine.hang()
        samples = await agent.samples()
        assert 'vf_transmit_packets_total{device="eth0"}' not in samples
        assert samples['vf_events_total{device="eth0",event="removed"}'] == 0
        assert samples['probe_success{probe="ethtool"}'] == 0

    _run(machine, scenario, deadline=0.3)


def test_a_vf_that_left_leaves_no_series(machine: Machine) -> None:
    """Its name and address are gone; what was counted of it stays."""

    async def scenario(agent: Running) -> None:
        before = await agent.get("/metrics")
        assert machine.pair.vf in before.body.decode()
        agent.message(machine.revoke())
        page = (await agent.get("/metrics")).body.decode()
        assert machine.pair.vf not in page
        assert machine.pair.pci_address not in page
        samples = read_samples(page.encode())
        assert samples['vf_events_total{device="eth0",event="removed"}'] == 1
        assert samples['nic_datapath{device="eth0",state="no_vf"}'] == 1
        assert samples['vf_transmit_packets_total{device="eth0"}'] == 1000
        restored = machine.restore()
        agent.message(restored)
        assert machine.pair.vf in (await agent.get("/metrics")).body.decode()

    _run(machine, scenario)


def test_time_on_the_synthetic_path_goes_on_between_scrapes(machine: Machine) -> None:
    """To the moment of each."""

    async def scenario(agent: Running) -> None:
        agent.message(machine.set_running(running=False))
        name = 'synthetic_seconds_total{device="eth0"}'
        first = (await agent.samples())[name]
        await asyncio.sleep(0.3)
        assert (await agent.samples())[name] >= first + 0.3

    _run(machine, scenario)


def test_a_nic_that_is_gone_has_no_totals(machine: Machine) -> None:
    """They are there again when it is."""

    async def scenario(agent: Running) -> None:
        link = machine.root / "sys/class/net" / machine.pair.name
        target = link.readlink()
        link.unlink()
        agent.host.forget()
        assert _totals(await agent.samples()) == []
        link.symlink_to(target)
        agent.host.forget()
        assert len(_totals(await agent.samples())) == 2

    _run(machine, scenario)


def _totals(samples: dict[str, float]) -> list[str]:
    return [name for name in samples if name.startswith("vf_events_total")]


# --- health --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "grace", "status", "rich", "verdict"),
    [
        pytest.param("on", 300.0, 200, "Healthy", "warn", id="within-the-grace"),
        pytest.param("on", 0.0, 503, "Unhealthy", "fail", id="after-it"),
        pytest.param("auto", 0.0, 200, "Healthy", "warn", id="not-expected"),
    ],
)
def test_health_follows_the_vf(
    machine: Machine, expect: str, grace: float, status: int, rich: str, verdict: str
) -> None:
    """At once, and back by itself."""

    async def scenario(agent: Running) -> None:
        agent.message(machine.revoke())
        await agent.observer.observe()
        found, body = await agent.json("/healthz")
        assert (found, body["verdict"], body["datapaths"]) == (status, verdict, {"eth0": "no_vf"})
        assert (await agent.json("/application-health"))[1] == {"ApplicationHealthState": rich}
        agent.message(machine.restore())
        await agent.observer.observe()
        assert (await agent.json("/healthz"))[1]["verdict"] == "pass"

    _run(machine, scenario, expect=expect, vf_grace=grace)


def test_monitors_that_ask_often_make_no_observations(machine: Machine) -> None:
    """Two seconds old will do; /livez needs none."""

    async def scenario(agent: Running) -> None:
        asked = machine.asked
        for path in ("/healthz", "/application-health", "/report", "/", "/livez") * 3:
            assert (await agent.get(path)).status == 200
        assert machine.asked == asked

    _run(machine, scenario)


# --- the page ------------------------------------------------------------------------------------


def test_the_page_shows_what_happened(machine: Machine) -> None:
    """The events of the last hour, however the clock was set since, and none older."""

    async def scenario(agent: Running) -> None:
        agent.message(machine.revoke())
        old, new = agent.tracker.happenings
        assert old.boot is not None
        agent.tracker.happenings = [
            replace(old, note="two hours ago", boot=old.boot - 7200),
            replace(new, note="just now", at=new.at - 86_400),
        ]
        text = shown((await agent.get("/")).body)
        assert "just now" in text
        assert "two hours ago" not in text

    _run(machine, scenario)


def test_the_page_shows_shares(machine: Machine) -> None:
    """What was sent between two observations."""

    async def scenario(agent: Running) -> None:
        assert agent.observer.last is not None
        now, shares = moment(), agent.agent.shares
        shares._before.clear()
        before = replace(now, wall=now.wall - 30, boot=now.boot - 30)
        shares.take(agent.observer.last.report, before)
        machine.count(vf_tx_packets=1300)
        await agent.observer.observe()
        text = shown((await agent.get("/")).body)
        assert "100 % of 300 packets in the last hour" in text

    _run(machine, scenario)


def test_routes_can_be_asked_without_end(machine: Machine) -> None:
    """What is remembered of scrapes does not grow."""

    async def scenario(agent: Running) -> None:
        for number in range(30):
            machine.count(vf_tx_packets=number)
            await agent.get("/metrics", accept=OPENMETRICS * (number % 2))
        routes: Routes = agent.routes
        assert len(routes._pages) <= 2

    _run(machine, scenario)
