"""A fleet of any size for one Prometheus: pages that real agents gave, served as many VMs' own.

Each kind of VM is a real accelnet-agent on a recorded machine, asked twice: what grew between goes
on growing as fast.  A VM has its own region, size, kernel and counters.  One process serves all:

    python tests/simulated_fleet.py FOLDER/pages.json        # prints its port
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import tornado.httpserver
import tornado.netutil
import tornado.web

from daemon import daemon
from fleet_of_vms import FIXTURES, Vm, metadata
from replaying import REPLAYING

REGIONS: Final = ("westeurope", "northeurope", "eastus", "eastus2", "westus3", "japaneast")
SIZES: Final = tuple(f"Standard_{kind}{n}s_v5" for kind in "DEF" for n in (2, 4, 8, 16, 32))
KERNELS: Final = tuple(f"6.8.0-10{n}-azure" for n in range(10, 30))
NOISE: Final = -1.0  # the rate of a gauge that is never twice the same: how long a probe took
WINDOW: Final = 2.0  # seconds between the two pages of an agent


class Kind(NamedTuple):
    """VMs of which there are so many in a thousand."""

    name: str
    fixture: str
    share: int
    state: str = "vf"  # of its data path


KINDS: Final = (
    Kind("ConnectX", "mlx5-healthy", 600),
    Kind("MANA", "mana-healthy", 260),
    Kind("two NICs", "two-nics", 100),
    Kind("revoked", "vf-revoked", 10, "no_vf"),
    Kind("orphan", "vf-without-driver", 10, "orphan_vf"),
    Kind("synthetic", "datapath-not-switched", 10, "synthetic"),
    Kind("flapping", "mlx5-healthy", 5),
    Kind("down", "", 5),
)


class Page(NamedTuple):
    """What an agent exposes: text, and between its pieces what each VM has of its own."""

    pieces: list[str]
    values: list[tuple[float, float]]  # when it was asked, and by how much it grows a second

    def text(self, number: int, seconds: float) -> str:
        """The page of a VM after so many seconds."""
        found = [self.pieces[0]]
        for (value, rate), piece in zip(self.values, self.pieces[1:], strict=True):
            if rate == NOISE:
                now = value * (1 + (number + seconds) * 0.618 % 1)
            else:
                now = float(round(value + (number + seconds) * rate))
            found += (repr(now), piece)
        return "".join(found)


def kind_of(number: int) -> Kind:
    """Which a VM is; the same number is always the same."""
    left = number * 7919 % 1000  # spread over the fleet
    for kind in KINDS:
        left -= kind.share
        if left < 0:
            return kind
    raise AssertionError


def targets(vms: int, port: int) -> list[dict[str, Any]]:
    """For file_sd: one a VM."""
    return [
        {
            "targets": [f"127.0.0.1:{port if kind_of(number).fixture else 1}"],
            "labels": {
                "__param_vm": str(number),
                "instance": f"vm{number:05}:9975",
                "region": REGIONS[number % len(REGIONS)],
            },
        }
        for number in range(vms)
    ]


def expected(vms: int) -> dict[str, int]:
    """How many VMs there are of each kind."""
    found = dict.fromkeys((kind.name for kind in KINDS), 0)
    for number in range(vms):
        found[kind_of(number).name] += 1
    return found


def recorded(folder: Path) -> dict[str, Page]:
    """The page of each kind, of a real agent."""
    return {kind.name: _page(kind, folder / kind.name) for kind in KINDS if kind.fixture}


def _page(kind: Kind, folder: Path) -> Page:
    folder.mkdir(parents=True)
    vm = Vm("vm", FIXTURES / kind.fixture, size="SIZE")
    with metadata(vm) as service:
        arguments = (
            f"--path.rootfs={vm.folder}/root",
            f"--state-directory={folder}",
            f"--imds-endpoint={service}",
            "--expect=on",
        )
        with daemon(folder, *arguments, program=REPLAYING) as agent:
            end = time.monotonic() + 30
            settled = f'state="{kind.state}"}} 1'.encode()
            while settled not in (first := agent.get("/metrics").body) or b"SIZE" not in first:
                assert time.monotonic() < end
                time.sleep(0.1)
            time.sleep(WINDOW)
            second = agent.get("/metrics").body
    if kind.name == "flapping":  # in real life it takes five switches
        first, second = (
            re.sub(rb'(check="vf-flapping",device="\w+"\}) 0', rb"\1 1", page)
            for page in (first, second)
        )
    return _compared(first.decode(), second.decode())


def _compared(first: str, second: str) -> Page:
    """Of two pages of one agent."""
    pieces, values, text = list[str](), list[tuple[float, float]](), ""
    before = dict(line.rsplit(" ", 1) for line in first.splitlines() if line[0] != "#")
    for line in second.splitlines():
        name, _, said = line.rpartition(" ")
        if line[0] != "#" and ("_total{" in name or "_duration_seconds{" in name):
            pieces.append(f"{text}{name} ")
            grown = max(0.0, float(said) - float(before.get(name, said)))
            values.append((float(said), grown / WINDOW if "_total{" in name else NOISE))
            text = "\n"
        else:
            text += f"{line}\n"
    return Page([*pieces, text], values)


class _Metrics(tornado.web.RequestHandler):
    def get(self) -> None:  # type: ignore[mutable-override] # so tornado would have it
        """The page of the VM that is asked for."""
        number = int(self.get_query_argument("vm"))
        pages: Mapping[str, Page] = self.settings["pages"]
        text = pages[kind_of(number).name].text(number, time.monotonic())
        text = re.sub(r'kernel="[^"]*"', f'kernel="{KERNELS[number % len(KERNELS)]}"', text)
        self.set_header("Content-Type", "text/plain; version=0.0.4")
        self.write(text.replace('"SIZE"', f'"{SIZES[number % len(SIZES)]}"'))


def _read(path: Path) -> dict[str, Page]:
    return {
        name: Page(page["pieces"], [(one[0], one[1]) for one in page["values"]])
        for name, page in json.loads(path.read_text(encoding="utf-8")).items()
    }


async def _serve(pages: Mapping[str, Page]) -> None:
    application = tornado.web.Application(
        [("/metrics", _Metrics)], pages=pages, log_function=lambda _: None
    )
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1", backlog=1024)
    server = tornado.httpserver.HTTPServer(application)
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def serving(pages: Mapping[str, Page]) -> Generator[int]:
    """The port of a process that serves all VMs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pages.json")
        path.write_text(json.dumps({name: page._asdict() for name, page in pages.items()}))
        command: Sequence[str] = (sys.executable, __file__, str(path))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                yield int(process.stdout.readline())
            finally:
                process.terminate()


def series(page: Page) -> Iterator[str]:
    """Names and labels of what a page has."""
    for line in page.text(0, 0).splitlines():
        if line and line[0] != "#":
            yield line.rpartition(" ")[0]


if __name__ == "__main__":
    asyncio.run(_serve(_read(Path(sys.argv[1]))))
