"""The active proof: who sends, what is recorded of it, and what really leaves by each NIC."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes.active_proof import PACKETS, decode, encode, gathered, senders
from accelnet_probes.bundle import BundleHost
from accelnet_probes.observe import observe
from accelnet_probes.recording import Recording, RecordingHost, write
from accelnet_probes.redaction import redacted
from accelnet_probes.snapshot import Gap, Sent
from building import REFUSED, a_netdev, a_netvsc_device, a_vf
from trees import Pair, judge_bundle, judge_host, write_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent.parent.parent
ALL = ("eth0", "enP53091s1", "enP1s2")
DIRECT = a_vf(name="enP1s2", ifindex=7, mac="00:0d:3a:99:99:99", master=None, upper=())

# --- who sends -----------------------------------------------------------------------------------


def test_a_vf_of_a_pair_sends_nothing_itself() -> None:
    """The synthetic NIC is given the packets, and hands them to its VF."""
    assert senders((a_netdev(), a_vf()), (), ALL, azure=True) == {"eth0": 2}


@pytest.mark.parametrize(("azure", "expected"), [(True, {"enP1s2": 7}), (False, {})])
def test_a_nic_without_a_partner_sends_on_azure(azure: bool, expected: dict[str, int]) -> None:
    """A direct NIC is one; on a machine of another kind it is none of ours."""
    assert senders((DIRECT,), (), ALL, azure=azure) == expected


def test_an_unpaired_vf_sends_nothing() -> None:
    """It has the synthetic NIC's MAC: it is that NIC's."""
    orphan = a_vf(master=None, upper=())
    assert senders((a_netdev(), orphan), (), ALL, azure=True) == {"eth0": 2}


def test_a_nic_is_told_by_its_bus() -> None:
    """Where its driver could not be seen, VMBus has it."""
    nic = a_netdev(driver=REFUSED)
    assert senders((nic,), (a_netvsc_device(),), ALL, azure=False) == {"eth0": 2}


def test_a_nic_whose_index_was_refused_sends_nothing() -> None:
    """By name alone nobody can be told to send."""
    assert senders((a_netdev(ifindex=REFUSED),), (), ALL, azure=True) == {}


def test_without_a_list_of_interfaces_nobody_sends() -> None:
    """It was refused."""
    assert senders(REFUSED, (), ALL, azure=True) == {}


# --- what is recorded ----------------------------------------------------------------------------


def test_what_the_worker_did_not_report_has_that_errno() -> None:
    """It hung, or ended early."""
    found = gathered(["eth0", "eth1"], [("eth1", 8, "ipv6", {})], "ETIMEDOUT")
    assert found["eth1"] == Sent(packets=8, family="ipv6")
    assert found["eth0"] == Sent(packets=0, refused={"ipv6": "ETIMEDOUT", "ipv4": "ETIMEDOUT"})


def test_what_is_written_is_read_again() -> None:
    """active-proof.json holds all of it."""
    sent = {
        "eth0": Sent(packets=PACKETS, family="ipv4", refused={"ipv6": "EADDRNOTAVAIL"}),
        "eth1": Sent(packets=0, refused={"ipv6": "EPERM", "ipv4": "EPERM"}),
    }
    assert decode(json.dumps(encode(sent)).encode()) == sent


@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["interface", "packets", "family", "refused"]), inner
                ),
            ),
        ).map(lambda value: json.dumps([value]).encode()),
    )
)
def test_whatever_a_bundle_holds_is_facts_or_refused(data: bytes) -> None:
    """Hostile input is a ValueError, or facts of the right kind."""
    try:
        found = decode(data)
    except ValueError:
        return
    for sent in found.values():
        assert 0 <= sent.packets <= 1 << 32
        assert sent.family in (None, "ipv6", "ipv4")


def _machine(folder: Path, sent: Any, **pair: Any) -> Path:
    """A bundle of an idle VM, with what was sent."""
    machine = write_machine(folder, pairs=(Pair(**pair),))
    for reply in ("stats", "stats-strings"):
        name = pair.get("name", "eth0")
        last = (machine / f"ethtool/1/{name}/{reply}.bin").read_bytes()
        (machine / f"ethtool/0/{name}/{reply}.bin").write_bytes(last)
    if sent is not None:
        content = sent if isinstance(sent, str) else json.dumps(sent)
        (machine / "active-proof.json").write_text(content)
    return machine


def _finding(report: dict[str, Any]) -> dict[str, Any]:
    return next(f for f in report["findings"] if f["check"] == "vf-datapath")


def test_a_replay_tells_what_was_sent(tmp_path: Path) -> None:
    """Recorded and replayed, masked too, the report is the same."""
    sent = [{"interface": "eth0", "packets": 8, "family": "ipv6", "refused": {}}]
    machine = _machine(tmp_path / "machine", sent)
    host = RecordingHost(BundleHost(str(machine)), root=str(machine / "root"))
    report = judge_host(host)
    recording = Recording(host, "accelnet 0.1.0")
    write(recording, str(tmp_path / "plain"))
    write(redacted(recording, host_name="packets"), str(tmp_path / "masked"))
    assert _finding(report)["status"] == "unknown"
    assert judge_bundle(tmp_path / "plain") == report
    masked, plain = _finding(judge_bundle(tmp_path / "masked")), _finding(report)
    assert (masked["summary"], masked["status"]) == (plain["summary"], plain["status"])
    told = {"packets": 8, "by": "ipv6"}
    assert masked["evidence"]["active_proof"] == plain["evidence"]["active_proof"] == told


def test_a_name_made_of_a_mac_is_masked_here_too(tmp_path: Path) -> None:
    """And still names the NIC of the masked bundle."""
    name = "enx000d3af576bd"
    sent = [{"interface": name, "packets": 8, "family": "ipv6", "refused": {}}]
    machine = _machine(tmp_path / "machine", sent, name=name)
    host = RecordingHost(BundleHost(str(machine)), root=str(machine / "root"))
    judge_host(host)
    write(redacted(Recording(host, "accelnet 0.1.0"), host_name="x"), str(tmp_path / "new"))
    assert "000d3af576bd" not in (tmp_path / "new/active-proof.json").read_text()
    assert "was given 8 packets" in _finding(judge_bundle(tmp_path / "new"))["summary"]


@pytest.mark.parametrize("content", ["{", "[1]", '[{"interface": "eth0", "packets": -1}]'])
def test_a_spoilt_record_proves_nothing(tmp_path: Path, content: str) -> None:
    """Its check is unknown, and says what was wrong."""
    finding = _finding(judge_bundle(_machine(tmp_path / "machine", content)))
    assert finding["status"] == "unknown"
    assert "EPROTO" in finding["summary"]


def test_a_folder_in_its_place_proves_nothing(tmp_path: Path) -> None:
    """It can not be read."""
    machine = _machine(tmp_path / "machine", None)
    (machine / "active-proof.json").mkdir()
    assert "EISDIR" in _finding(judge_bundle(machine))["summary"]


def test_a_bundle_without_it_is_judged_as_ever(tmp_path: Path) -> None:
    """Nobody asked for proof: idle is not failure."""
    snapshot = observe(BundleHost(str(_machine(tmp_path / "machine", None))))
    assert snapshot.sent == Gap(asked=False, why="the bundle has no active proof")
    assert "active-proof" not in [run.name for run in snapshot.probes]


def test_a_sender_that_hangs_is_a_probe_without_answer(tmp_path: Path) -> None:
    """probes-answered fails, as for any other call into the kernel."""
    refused = {"ipv6": "ETIMEDOUT", "ipv4": "ETIMEDOUT"}
    sent = [{"interface": "eth0", "packets": 0, "family": None, "refused": refused}]
    report = judge_bundle(_machine(tmp_path / "machine", sent))
    answered = next(f for f in report["findings"] if f["check"] == "probes-answered")
    assert (answered["status"], report["verdict"]) == ("fail", "fail")
    assert "no answer in time from eth0" in answered["summary"]


# --- what really leaves, between two network namespaces ------------------------------------------

MISSING = [tool for tool in ("ip", "sysctl") if shutil.which(tool) is None]
# As nobody, without any capability.
_SEND = """
import json, os, socket, sys
from accelnet_probes import active_proof, rtnetlink, worker
from accelnet_probes.live import LiveHost
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
assert int(open("/proc/self/status").read().split("CapEff:")[1].split()[0], 16) == 0
host = LiveHost(window=1, proof=json.loads(sys.argv[1]))
names = [name for _, name in socket.if_nameindex() if name.startswith("nic")]
sent = host.send(lambda: {name: socket.if_nametoindex(name) for name in names})
print(json.dumps(active_proof.encode(sent)))
"""
# Every frame of the proof: where it came, its protocol, destination and remaining hops.
_LISTEN = """
import json, socket, sys
from accelnet_probes.active_proof import PAYLOAD
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print("ready", flush=True)
sys.stdin.read()
sock.settimeout(0.5)
found = []
try:
    while True:
        frame, (name, *_) = sock.recvfrom(2048)
        if frame.endswith(PAYLOAD):
            ip = frame[14:]
            six = ip[0] >> 4 == 6
            family = socket.AF_INET6 if six else socket.AF_INET
            source = socket.inet_ntop(family, ip[8:24] if six else ip[12:16])
            to = socket.inet_ntop(family, ip[24:40] if six else ip[16:20])
            port = int.from_bytes(ip[42:44] if six else ip[22:24], "big")
            found.append([name, source, to, port, ip[7] if six else ip[8]])
except TimeoutError:
    print(json.dumps(found))
"""


def _ip(*words: str) -> None:
    ran = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, f"ip {' '.join(words)}: {ran.stderr}"


class Outcome(NamedTuple):
    """What was handed to the kernel, and what arrived."""

    sent: dict[str, Sent]
    arrived: list[list[Any]]


class Wires:
    """Two NICs in one namespace; their far ends in another."""

    def __init__(self) -> None:
        self.near, self.far = (f"accelnet-{end}-{os.getpid()}" for end in ("near", "far"))
        self._inside = ("ip", "netns", "exec")
        for name in (self.near, self.far):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        self.sysctl("net.ipv6.conf.default.accept_dad=0")
        for number in "01":
            nic, end = f"nic{number}", f"far{number}"
            _ip("link", "add", nic, "netns", self.near, "type", "veth", "peer", "name", end)
            _ip("link", "set", end, "netns", self.far)
            _ip("-n", self.far, "link", "set", end, "up")
            _ip("-n", self.near, "link", "set", nic, "up")

    def sysctl(self, setting: str) -> None:
        """Of the near namespace."""
        command = [*self._inside, self.near, "sysctl", "-qw", setting]
        subprocess.run(command, check=True, timeout=60)

    def prove(self, *only: str) -> Outcome:
        """Let nobody send, and listen at the far ends."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE / "probes")}
        python = [sys.executable, "-c"]
        with subprocess.Popen(
            [*self._inside, self.far, *python, _LISTEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        ) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "ready\n"
            sent = subprocess.run(
                [*self._inside, self.near, *python, _SEND, json.dumps(only)],
                capture_output=True,
                env=environment,
                check=False,
                timeout=60,
            )
            arrived, _ = listener.communicate(timeout=60)
        assert sent.returncode == 0, sent.stderr
        return Outcome(decode(sent.stdout), json.loads(arrived))

    def remove(self) -> None:
        """Both namespaces, and all in them."""
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "delete", name], check=False, timeout=60)


@pytest.fixture
def wires() -> Iterator[Wires]:
    """Two NICs with IPv6 link-local addresses and no other."""
    if not Path("/proc/sys/net/ipv6").is_dir():
        pytest.skip("this kernel has no IPv6")
    try:
        found = Wires()
    except AssertionError as error:
        pytest.skip(f"this kernel has no veth: {error}")
    try:
        yield found
    finally:
        found.remove()


@pytest.mark.live
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux")
@pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")
class TestWhatLeaves:
    """Sent without any privilege, without a route, and to nobody."""

    def test_the_packets_leave_by_the_nic_that_was_named(self, wires: Wires) -> None:
        """All of them, by that one alone, and one hop far."""
        outcome = wires.prove("nic1")
        assert outcome.sent == {"nic1": Sent(packets=PACKETS, family="ipv6")}
        assert len(outcome.arrived) == PACKETS
        for name, source, to, port, hops in outcome.arrived:
            assert (name, to, port, hops) == ("far1", "ff02::114", 9, 1)
            assert source.startswith("fe80::")

    def test_each_nic_sends_by_itself(self, wires: Wires) -> None:
        """As many by one as by the other."""
        outcome = wires.prove()
        assert [sent.packets for sent in outcome.sent.values()] == [PACKETS, PACKETS]
        assert (
            sorted(name for name, *_ in outcome.arrived) == ["far0"] * PACKETS + ["far1"] * PACKETS
        )

    def test_without_ipv6_it_goes_by_ipv4(self, wires: Wires) -> None:
        """From the NIC's own address, which is not the first one of the machine."""
        wires.sysctl("net.ipv6.conf.nic1.disable_ipv6=1")
        _ip("-n", wires.near, "address", "add", "10.0.0.4/24", "dev", "nic0")
        _ip("-n", wires.near, "address", "add", "10.0.1.4/32", "dev", "nic1")
        outcome = wires.prove("nic1")
        sent = outcome.sent["nic1"]
        assert (sent.packets, sent.family) == (PACKETS, "ipv4")
        assert list(sent.refused) == ["ipv6"]
        assert outcome.arrived == [["far1", "10.0.1.4", "224.0.0.254", 9, 1]] * PACKETS

    def test_without_any_address_nothing_is_sent(self, wires: Wires) -> None:
        """Another NIC's address is never used."""
        wires.sysctl("net.ipv6.conf.nic1.disable_ipv6=1")
        _ip("-n", wires.near, "address", "add", "10.0.0.4/24", "dev", "nic0")
        outcome = wires.prove("nic1")
        sent = outcome.sent["nic1"]
        assert (sent.packets, sent.family, outcome.arrived) == (0, None, [])
        assert sent.refused["ipv4"] == "EADDRNOTAVAIL"

    def test_a_nic_that_is_down_sends_nothing(self, wires: Wires) -> None:
        """The kernel says why, by either way."""
        _ip("-n", wires.near, "link", "set", "nic1", "down")
        sent = wires.prove("nic1").sent["nic1"]
        assert sent.packets == 0
        assert set(sent.refused) == {"ipv6", "ipv4"}

    def test_default_routes_do_not_matter(self, wires: Wires) -> None:
        """One by another NIC, and one that forbids everything."""
        _ip("-n", wires.near, "-6", "route", "add", "default", "dev", "nic0")
        _ip("-n", wires.near, "-6", "rule", "add", "from", "all", "prohibit", "pref", "20000")
        outcome = wires.prove("nic1")
        assert {name for name, *_ in outcome.arrived} == {"far1"}
