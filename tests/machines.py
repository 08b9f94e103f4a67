"""A VM on disk whose kernel a test rules, and an agent that runs on it in this process.

machine = Machine(tmp_path)
async with running(machine) as agent:
    machine.revoke()
    agent.observer...            # every part of the agent, wired as `serve` does it
    await agent.get("/metrics")  # a route, without a socket
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psutil
from prometheus_client.parser import text_string_to_metric_families

from accelnet_agent.agent import Agent
from accelnet_agent.clock import moment
from accelnet_agent.daemon_arguments import Options
from accelnet_agent.kernel import DEADLINE, Kernel
from accelnet_agent.observer import Observer
from accelnet_agent.routes import Routes
from accelnet_agent.service import Notifier
from accelnet_agent.state_file import StateFile
from accelnet_agent.tracker import Tracker
from accelnet_agent.web_http import Request, Response, seconds_to_answer
from accelnet_probes.asker import Asker
from accelnet_probes.ethtool import REPLIES
from accelnet_probes.record import replace
from accelnet_probes.resident import ResidentHost
from accelnet_probes.rtnetlink import IFF_LOWER_UP, IFF_UP, Link
from trees import Pair, stats, stats_strings, write_machine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from pathlib import Path

    from accelnet_agent.logs import Level
    from accelnet_probes.worker import Emit

SECONDS = 20.0  # in which what is waited for has come, on a machine that is busy


class Machine:
    """eth0 and its VF: files below `root`, and what the kernel answers about them.

    The answers are made in the asker's own child, which reads them anew each time.
    """

    def __init__(self, folder: Path, pair: Pair | None = None) -> None:
        self.pair = pair or Pair()
        self.folder = write_machine(folder / "machine", pairs=(self.pair,), samples=1)
        self.root = self.folder / "root"
        self.vf_index = self.pair.ifindex + 1
        self.carrier_changes = 1
        self.links: dict[int, bytes] = {}
        self._counters: dict[str, dict[str, int]] = {}
        self._links_of_vf = (
            self.root / "sys/class/net" / self.pair.vf,
            self.root / self.pair.folder / f"lower_{self.pair.vf}",
            self.root / "sys/bus/pci/devices" / self.pair.pci_address,
            self.root / "sys/bus/vmbus/devices" / self.pair.vf_guid,
        )
        self._targets = [link.readlink() for link in self._links_of_vf]
        self._hang, self._slow = self.folder / "hang", self.folder / "slow"
        self.count(vf_tx_packets=1000, tx_queue_0_packets=10)
        self._tell(running=True)

    # --- what happens to it

    def revoke(self) -> Link:
        """The host takes the VF; the message that says so."""
        for link in self._links_of_vf:
            link.unlink()
        gone = replace(self.link(running=False), gone=True)
        self.links.pop(self.vf_index)
        self._write_links()
        return gone

    def restore(self) -> Link:
        """The host gives it back: another netdev, by its ifindex."""
        for link, target in zip(self._links_of_vf, self._targets, strict=True):
            link.symlink_to(target)
        self.vf_index += 10
        vf = self.root / self.pair.vf_folder
        (vf / "ifindex").write_text(f"{self.vf_index}\n")
        self.carrier_changes = 1
        return self.set_running(running=True)

    def set_running(self, *, running: bool) -> Link:
        """The VF goes up or down; the message that says so."""
        vf = self.root / self.pair.vf_folder
        (vf / "flags").write_text("0x1803\n" if running else "0x1802\n")
        (vf / "operstate").write_text("up\n" if running else "down\n")
        self.carrier_changes += not running
        self._tell(running=running)
        return self.link(running=running)

    def count(self, **counters: int) -> None:
        """These counters of eth0 are so high now."""
        known = self._counters.setdefault(self.pair.name, {"vf_rx_packets": 5})
        known.update(counters)
        folder = self.folder / "ethtool/0" / self.pair.name
        (folder / "stats-strings.bin").write_bytes(stats_strings(list(known)))
        _replace(folder / "stats.bin", stats(list(known.values())))

    def hang(self) -> None:
        """Every call into the kernel hangs from now on."""
        self._hang.touch()

    def recover(self) -> None:
        """They come back."""
        self._hang.unlink()

    # --- what the kernel says

    def link(self, *, running: bool) -> Link:
        """The VF as rtnetlink has it."""
        flags = 0x1802 | (IFF_UP | IFF_LOWER_UP if running else 0)
        return Link(
            ifindex=self.vf_index,
            name=self.pair.vf,
            flags=flags,
            master=self.pair.ifindex,
            carrier_up=self.carrier_changes,
            carrier_down=self.carrier_changes,
        )

    def ask(self, question: tuple[dict[str, int | None], list[str], bool], emit: Emit) -> None:
        """In the child: the answers, from the files."""
        interfaces, _, whole = question
        with (self.folder / "asked").open("a", encoding="ascii") as log:
            log.write("?")
        while self._hang.exists():
            time.sleep(0.01)
        emit((None, "links", [bytes.fromhex(line) for line in self._read_links()]))
        if whole:
            emit((None, "addresses", [(self.pair.ifindex, "10.0.0.4/24")]))
        for name in interfaces:
            wanted = REPLIES if whole else ("stats-strings", "stats")
            emit((name, list(wanted), [self._reply(name, reply) for reply in wanted]))

    @property
    def asked(self) -> int:
        """How many questions the kernel was asked."""
        path = self.folder / "asked"
        return len(path.read_text(encoding="ascii")) if path.exists() else 0

    def _reply(self, name: str, reply: str) -> bytes | str:
        path = self.folder / "ethtool/0" / name / f"{reply}.bin"
        return path.read_bytes() if path.exists() else "EOPNOTSUPP"

    def _tell(self, *, running: bool) -> None:
        nic = Link(ifindex=self.pair.ifindex, name=self.pair.name, flags=0x11003)
        self.links = {link.ifindex: link_body(link) for link in (nic, self.link(running=running))}
        self._write_links()

    def _write_links(self) -> None:
        text = "\n".join(body.hex() for body in self.links.values())
        _replace(self.folder / "links", text.encode())

    def _read_links(self) -> list[str]:
        return (self.folder / "links").read_text(encoding="ascii").split()


def _replace(path: Path, content: bytes) -> None:
    """At once: the child may be reading."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.rename(path)


def link_body(link: Link) -> bytes:
    """struct ifinfomsg and attributes, as RTM_GETLINK answers."""
    found = struct.pack("=BxHiII", 0, 1, link.ifindex, link.flags, 0)
    attributes: dict[int, bytes] = {3: link.name.encode() + b"\0"}
    for kind, value in ((10, link.master), (47, link.carrier_up), (48, link.carrier_down)):
        if value is not None:
            attributes[kind] = struct.pack("=I", value)
    for kind, content in attributes.items():
        length = 4 + len(content)
        found += struct.pack("=HH", length, kind) + content + bytes(-length % 4)
    return found


class Running:
    """An agent at work, all its parts in reach."""

    def __init__(self, machine: Machine, options: Options, asker: Asker, deadline: float) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        now = moment()
        self.machine = machine
        self.tracker = Tracker(now.boot)
        self.host = ResidentHost(prefix=str(machine.root))
        self.kernel = Kernel(asker, self._recovered, deadline)
        self.observer = Observer(
            self.host, self.kernel, self.tracker, expect=options.expect, grace=options.vf_grace
        )
        log: Any = _Lines(self.lines)
        self.agent = Agent(self.observer, self.host, self.tracker, options, log)
        self.agent.attach(StateFile(options.state_directory), Notifier())
        self.routes = Routes(self.observer, self.tracker, self.agent.shares, options)

    def _recovered(self) -> None:
        self.agent.stir()

    def message(self, link: Link) -> None:
        """A link message comes."""
        self.agent._link(link)

    async def get(self, path: str, *, timeout: float = 10.0, accept: str = "") -> Response:
        """What a route answers to a scrape with that timeout."""
        answer, _ = seconds_to_answer(str(timeout))
        request = Request(
            method="GET",
            path=path,
            query={},
            headers={"Accept": accept},
            deadline=time.monotonic() + answer,
        )
        return await self.routes.table()[path](request)

    async def samples(self, *, timeout: float = 10.0) -> dict[str, float]:
        """A scrape: `name{label="value"}` without the prefix, to the value."""
        answer = await self.get("/metrics", timeout=timeout)
        return read_samples(answer.body)

    async def json(self, path: str) -> tuple[int, Any]:
        """Status and body of a route that answers JSON."""
        answer = await self.get(path)
        return answer.status, json.loads(answer.body)

    async def until(self, condition: Callable[[], object]) -> None:
        """As soon as it holds."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, "it did not come true"
            await asyncio.sleep(0.005)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The facts of the log's lines of one event."""
        return [facts for _, event, facts in self.lines if event == name]


class _Lines:
    """A log that keeps its lines."""

    def __init__(self, lines: list[tuple[str, str, dict[str, Any]]]) -> None:
        self._lines = lines

    def __call__(self, level: Level, event: str, **facts: Any) -> None:
        """Keep it."""
        self._lines.append((level, event, facts))

    repeated = __call__


def is_over(process: psutil.Process) -> bool:
    """It has ended, whether somebody has taken note of that or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def read_samples(page: bytes) -> dict[str, float]:
    """The samples of a page by name and labels, without `accelnet_`."""
    return {
        sample.name.removeprefix("accelnet_") + _labels(sample.labels): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inside}}}" if labels else ""


@asynccontextmanager
async def running(
    machine: Machine, *, deadline: float = DEADLINE, **options: Any
) -> AsyncGenerator[Running]:
    """An agent that has made its first observation, and listens to no netlink socket.

    `deadline`: seconds for the kernel's answer.
    """
    wanted = replace(
        Options(), **{"imds_endpoint": "off", "path_rootfs": str(machine.root), **options}
    )
    bugs: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: bugs.append(context))
    agent = Running(machine, wanted, Asker(machine.ask), deadline)
    try:
        await agent.observer.observe()
        yield agent
    finally:
        if machine._hang.exists():
            machine.recover()
        agent.agent.end(agent.kernel)
    assert bugs == []
