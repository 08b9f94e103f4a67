"""accelnet-agent on a recorded machine, as a process of its own.

with daemon(tmp_path, f"--path.rootfs={fixture}/root", program=REPLAYING) as agent:
    ...

All of it is the agent's own, but for who answers its questions to the kernel: a recording, whose
counters go on growing as fast as they grew while it was recorded; or a Machine (machines.py),
which a test changes meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from accelnet_agent.daemon_arguments import parse
from accelnet_agent.serve import serve
from accelnet_probes.asker import Asker
from accelnet_probes.ethtool import REPLIES
from accelnet_probes.rtnetlink import IFF_LOWER_UP, IFF_UP, Link
from machines import link_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnet_probes.worker import Emit

REPLAYING: Final = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
    "from replaying import main; main()"
)


def main() -> None:
    """accelnet-agent, with the recording around --path.rootfs for a kernel."""
    options = parse(sys.argv[1:], os.environ)
    asker = Asker(Recording(Path(options.path_rootfs).parent).ask)
    asyncio.run(serve(options, asker))


class Recording:
    """The kernel of a recorded machine, or of a Machine."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        self.folder, self.begun = folder, time.monotonic()
        self.window: float = about["window_seconds"] or 1.0
        self.links = folder / "links"  # what a Machine has there

    def ask(self, question: tuple[dict[str, int | None], list[str], bool], emit: Emit) -> None:
        """In the asker's child: the answers."""
        interfaces, _, whole = question
        while (self.folder / "hang").exists():
            time.sleep(0.01)
        emit((None, "links", list(self._links())))
        if whole:
            emit((None, "addresses", self._addresses()))
        for name in interfaces:
            wanted = REPLIES if whole else ("stats-strings", "stats")
            emit((name, list(wanted), [self._reply(name, reply) for reply in wanted]))

    def _links(self) -> Iterator[bytes]:
        if self.links.exists():
            yield from map(bytes.fromhex, self.links.read_text(encoding="ascii").split())
            return
        for netdev in sorted((self.folder / "root/sys/class/net").iterdir()):
            if not (netdev / "ifindex").exists():
                continue
            is_up = (netdev / "operstate").read_text().strip() == "up"
            flags = int((netdev / "flags").read_text(), 16)
            master = netdev / "master/ifindex"
            yield link_body(
                Link(
                    ifindex=int((netdev / "ifindex").read_text()),
                    name=netdev.name,
                    flags=flags | (IFF_LOWER_UP if flags & IFF_UP and is_up else 0),
                    master=int(master.read_text()) if master.exists() else None,
                )
            )

    def _addresses(self) -> list[tuple[int, str]]:
        path = self.folder / "addresses.json"
        netdevs = self.folder / "root/sys/class/net"
        return [
            (int((netdevs / found["interface"] / "ifindex").read_text()), found["address"])
            for found in json.loads(path.read_text(encoding="utf-8"))
            if (netdevs / found["interface"] / "ifindex").exists()
        ]

    def _reply(self, name: str, reply: str) -> bytes | str:
        first, last = (self.folder / f"ethtool/{sample}" / name for sample in (0, 1))
        here = last if last.exists() else first
        error, answer = here / f"{reply}.errno", here / f"{reply}.bin"
        if not answer.exists():
            return error.read_text(encoding="ascii").strip() if error.exists() else "EOPNOTSUPP"
        if reply != "stats" or here == first:
            return answer.read_bytes()
        seconds = (time.monotonic() - self.begun) / self.window
        return _grown((first / "stats.bin").read_bytes(), answer.read_bytes(), seconds)


def _grown(first: bytes, last: bytes, windows: float) -> bytes:
    """struct ethtool_stats, so many windows after the last sample."""
    before, after = (struct.unpack(f"<{len(raw) // 8 - 1}Q", raw[8:]) for raw in (first, last))
    values = [
        new + int(max(0, new - old) * windows) for old, new in zip(before, after, strict=True)
    ]
    return last[:8] + struct.pack(f"<{len(values)}Q", *values)
