"""resident: a machine that is asked for years, from files and from what was supplied."""

from __future__ import annotations

import json
import os
import re
import resource
from typing import TYPE_CHECKING

import pytest

from accelnet_probes.asker import Answers
from accelnet_probes.bundle import BundleHost
from accelnet_probes.ethtool import REPLIES
from accelnet_probes.host import InstanceRefusedError, NotAskedError, Sample
from accelnet_probes.observe import observe
from accelnet_probes.record import replace
from accelnet_probes.resident import INSTALLED, MAX_WINDOW, MIN_WINDOW, MOMENT, ResidentHost
from accelnet_probes.rtnetlink import Link
from accelnet_probes.snapshot import Gap, Netdev, OsRelease, Snapshot
from trees import Pair, write_files, write_machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelnet_probes.ethtool import Reply
    from accelnet_probes.host import Host

BOTH: dict[str, int | None] = {"eth0": 2, "enP53091s1": 3}
LINK = Link(ifindex=3, name="enP53091s1", flags=0x11043, carrier_up=1, carrier_down=1)
MTU = "sys/class/net/eth0/mtu"


def _replies(mark: str) -> dict[str, Reply]:
    """What one interface answers, `mark` in each."""
    return {reply: f"{reply} {mark}".encode() for reply in REPLIES}


def _answers(mark: str = "1", interfaces: Mapping[str, int | None] = BOTH) -> Answers:
    """Everything, in time."""
    return Answers(
        ethtool={name: _replies(f"{name} {mark}") for name in interfaces},
        addresses=((2, "10.0.0.4/24"), (9, "10.9.9.9/24")),
        links=(LINK,),
        complete=True,
    )


class Observed:
    """A host, and how `observe` uses it."""

    def __init__(self, root: Path | str = "/nonexistent") -> None:
        self.host = ResidentHost(prefix=str(root))

    def at(
        self,
        moment: float,
        answers: Answers | None = None,
        interfaces: Mapping[str, int | None] = BOTH,
    ) -> tuple[Sample | None, float | None, Sample]:
        """Supply, and observe: the sample that begins a window, its length, the last sample."""
        self.host.supply(_answers(str(moment)) if answers is None else answers, moment)
        earlier = self.host.earlier()
        window = self.host.pause() if earlier is not None else None
        return earlier, window, self.host.sample(0, interfaces)

    def ready(self, interfaces: Mapping[str, int | None] = BOTH) -> Observed:
        """It has learnt what to ask about."""
        self.host.sample(0, interfaces)
        return self


# --- samples -------------------------------------------------------------------------------------


def test_what_was_supplied_is_the_sample() -> None:
    """Each interface's replies; addresses by the interfaces' numbers, of these alone."""
    _, _, sample = Observed().ready().at(10.0, _answers("x"))
    assert sample == Sample(
        ethtool={name: _replies(f"{name} x") for name in BOTH},
        addresses=(("eth0", "10.0.0.4/24"),),
    )


def test_what_did_not_come_in_time_is_etimedout() -> None:
    """And what came stands."""
    partial = Answers(ethtool={"eth0": {"drvinfo": b"drvinfo"}})
    _, _, sample = Observed().ready().at(10.0, partial)
    late: dict[str, Reply] = dict.fromkeys(REPLIES, "ETIMEDOUT")
    assert sample == Sample(
        ethtool={"eth0": {**late, "drvinfo": b"drvinfo"}, "enP53091s1": late},
        addresses="ETIMEDOUT",
    )


def test_before_anything_was_supplied_there_is_nothing() -> None:
    """It has not been asked: that is not a kernel that hangs."""
    host = ResidentHost(prefix="/nonexistent")
    assert host.sample(0, BOTH) == Sample(
        ethtool={name: dict.fromkeys(REPLIES, "EAGAIN") for name in BOTH}, addresses="EAGAIN"
    )
    assert (host.unasked, host.wanted) == (True, BOTH)


def test_a_machine_without_interfaces_has_an_empty_sample() -> None:
    """Nothing was to be asked, so nothing is missing."""
    host = ResidentHost(prefix="/nonexistent")
    assert host.sample(0, {}) == Sample(ethtool={}, addresses=())
    assert not host.unasked


def test_refused_addresses_are_told() -> None:
    """By the errno's name."""
    refused = replace(_answers(), addresses="ENOBUFS")
    assert Observed().ready().at(10.0, refused)[2].addresses == "ENOBUFS"


@pytest.mark.parametrize(
    ("interfaces", "unasked"),
    [
        pytest.param(BOTH, False, id="as-asked"),
        pytest.param({"eth0": 2}, False, id="one-has-left"),
        pytest.param({**BOTH, "eth1": 4}, True, id="one-has-come"),
        pytest.param({**BOTH, "enP53091s1": 7}, True, id="another-under-the-name"),
        pytest.param({"eth0": 2, "eth9": 3}, True, id="renamed"),
        pytest.param({**BOTH, "enP53091s1": None}, True, id="number-unknown-by-now"),
        pytest.param({**BOTH, "eth1": None}, True, id="one-without-a-number-has-come"),
    ],
)
def test_whether_something_was_not_asked_about(
    interfaces: dict[str, int | None], unasked: bool
) -> None:
    """A name and its number together are an interface; whoever supplies asks again."""
    observed = Observed().ready()
    _, _, sample = observed.at(10.0, interfaces=interfaces)
    assert (observed.host.unasked, observed.host.wanted) == (unasked, interfaces)
    assert list(sample.ethtool) == list(interfaces)
    observed.at(10.1, _answers("2", interfaces), interfaces)
    assert not observed.host.unasked


def test_replies_about_another_interface_of_the_name_are_not_taken() -> None:
    """A VF left and another came under its name: it has not answered, nor is it late."""
    observed = Observed().ready()
    for moment in (10.0, 10.1):  # however often it is observed before it is asked again
        if moment == 10.0:
            observed.host.supply(_answers("1"), moment)
        sample = observed.host.sample(0, {"eth0": 2, "enP53091s1": 7})
        assert sample == Sample(
            ethtool={
                "eth0": _replies("eth0 1"),
                "enP53091s1": dict.fromkeys(REPLIES, "EAGAIN"),
            },
            addresses="EAGAIN",
        )
        assert observed.host.unasked


# --- windows -------------------------------------------------------------------------------------


def test_a_window_begins_with_a_sample_that_is_old_enough() -> None:
    """The newest of those; the first observation has none."""
    observed = Observed().ready()
    first, window, kept = observed.at(10.0)
    assert (first, window) == (None, None)
    for moment in (10.2, 10.9):
        assert observed.at(moment)[:2] == (None, None)
    assert observed.at(11.0)[:2] == (kept, MIN_WINDOW)
    earlier, window, _ = observed.at(11.5)
    assert (earlier, window) == (kept, 1.5)


def test_a_window_moves_on() -> None:
    """An observation in a second, for hours: each begins with the one before."""
    observed = Observed().ready()
    before = observed.at(10.0)[2]
    for moment in range(11, 40):
        earlier, window, sample = observed.at(float(moment))
        assert earlier is before
        assert window == 1.0
        before = sample
    assert len(observed.host._kept) == 2


def test_many_observations_in_a_second_have_windows_of_a_second_at_least() -> None:
    """However many ask."""
    observed = Observed().ready()
    lengths = [observed.at(10.0 + step / 10)[1] for step in range(60)]
    assert lengths[:10] == [None] * 10
    assert all(length is not None and 1.0 <= length < 2.1 for length in lengths[10:])


@pytest.mark.parametrize(("age", "window"), [(MAX_WINDOW, MAX_WINDOW), (MAX_WINDOW + 0.1, None)])
def test_a_sample_that_is_too_old_begins_none(age: float, window: float | None) -> None:
    """It says nothing about now: a laptop slept, or nobody asked."""
    observed = Observed().ready()
    observed.at(10.0)
    assert observed.at(10.0 + age)[1] == window


def test_no_window_reaches_over_a_change_of_links() -> None:
    """A VF has come, left, gone up or down: its counters begin anew."""
    observed = Observed().ready()
    observed.at(10.0)
    observed.host.forget()
    assert observed.at(12.0)[:2] == (None, None)
    assert observed.at(13.0)[1] == 1.0


def test_no_window_compares_two_sets_of_interfaces() -> None:
    """The counters of a name would be those of two interfaces."""
    observed = Observed().ready()
    observed.at(10.0)
    other: dict[str, int | None] = {"eth0": 2, "enP53091s1": 7}
    observed.at(12.0, interfaces=other)
    assert observed.at(12.1, _answers("2", other), other)[:2] == (None, None)
    assert observed.at(13.1, _answers("3", other), other)[1] == 1.0


def test_a_sample_that_is_not_complete_begins_no_window() -> None:
    """Nor does one of interfaces that were not asked about."""
    observed = Observed().ready()
    observed.at(10.0, replace(_answers(), complete=False))
    assert observed.at(12.0)[0] is None
    observed = Observed().ready()
    observed.at(10.0, interfaces={**BOTH, "eth1": 4})
    observed.host.wanted = dict(BOTH)
    assert observed.at(12.0)[0] is None


def test_an_answer_that_is_late_is_compared_all_the_same() -> None:
    """With the last complete one: what came of it is judged."""
    observed = Observed().ready()
    kept = observed.at(10.0)[2]
    assert observed.at(12.0, replace(_answers(), complete=False))[0] is kept


# --- what stands for a while ---------------------------------------------------------------------


def _tree(folder: Path) -> Observed:
    """An hv_netvsc NIC that is alone, on Ubuntu; observed at 10.0."""
    device = "sys/devices/VMBUS:00/guid"
    write_files(
        folder,
        {
            f"{device}/net/eth0/mtu": "1500\n",
            f"{device}/net/eth0/ifindex": "2\n",
            "etc/os-release": "ID=ubuntu\n",
        },
    )
    (folder / "sys/class/net").mkdir(parents=True)
    (folder / "sys/class/net/eth0").symlink_to("../../devices/VMBUS:00/guid/net/eth0")
    observed = Observed(folder).ready()
    _look(observed, 10.0)
    return observed


def _look(observed: Observed, at: float, answers: Answers | None = None) -> Snapshot:
    observed.host.supply(_answers() if answers is None else answers, at)
    return observe(observed.host)


def _mtu(snapshot: Snapshot) -> object:
    return _netdevs(snapshot)[0].mtu


def _write(folder: Path, mtu: str) -> None:
    (folder / MTU).write_text(mtu)


def test_what_files_say_stands_for_a_moment(tmp_path: Path) -> None:
    """Whoever asks within it, and however often; then they are read anew."""
    observed = _tree(tmp_path)
    _write(tmp_path, "9000")
    assert _mtu(_look(observed, 10.0 + MOMENT - 0.1)) == 1500
    assert _mtu(_look(observed, 10.0 + MOMENT)) == 9000


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"links": (replace(LINK, flags=0x1002),)}, id="a-link-is-down"),
        pytest.param({"links": (replace(LINK, carrier_down=2),)}, id="a-carrier-was-lost"),
        pytest.param({"links": ()}, id="a-link-is-gone"),
        pytest.param({"links": None}, id="no-answer"),
        pytest.param({"addresses": ()}, id="an-address-is-gone"),
    ],
)
def test_a_link_that_differs_ends_the_moment(changed: dict[str, object], tmp_path: Path) -> None:
    """What files say about it has changed too."""
    observed = _tree(tmp_path)
    before = observed.host.moment
    _write(tmp_path, "9000")
    assert _mtu(_look(observed, 10.1, replace(_answers(), **changed))) == 9000
    assert observed.host.moment != before


def test_a_link_that_differs_wants_the_whole_to_be_asked(tmp_path: Path) -> None:
    """Addresses and settings that were kept are of before."""
    observed = _tree(tmp_path)
    changed = replace(_answers(), links=(), whole=False)
    assert observed.host.supply(changed, 10.1) is False
    assert observed.host.supply(replace(changed, whole=True), 10.2) is True


def test_a_change_that_was_told_ends_the_moment(tmp_path: Path) -> None:
    """By a message, which is quicker."""
    observed = _tree(tmp_path)
    _write(tmp_path, "9000")
    observed.host.forget()
    assert observed.host.moment_is_over(10.1)
    assert _mtu(_look(observed, 10.1)) == 9000


def test_a_doubt_ends_the_moment_and_no_window(tmp_path: Path) -> None:
    """An MTU has changed, say: no counter has."""
    observed = _tree(tmp_path)
    _write(tmp_path, "9000")
    observed.host.doubt()
    assert observed.host.moment_is_over(10.1)
    snapshot = _look(observed, 11.5)
    assert (_mtu(snapshot), snapshot.window_seconds) == (9000, 1.5)


def test_other_metadata_end_the_moment(tmp_path: Path) -> None:
    """The size of the VM is judged anew."""
    observed = _tree(tmp_path)
    before = observed.host.moment
    observed.host.metadata = b"{}"
    assert observed.host.moment != before


def test_the_moment_lasts_while_only_counters_change(tmp_path: Path) -> None:
    """Then checks of other things need not judge again."""
    observed = _tree(tmp_path)
    before = observed.host.moment
    _look(observed, 10.5)
    assert observed.host.moment == before
    assert not observed.host.moment_is_over(10.6)
    assert observed.host.moment_is_over(10.0 + MOMENT)


def test_installed_files_stand_longer(tmp_path: Path) -> None:
    """An upgrade of the distribution is seen within a minute."""
    observed = _tree(tmp_path)
    (tmp_path / "etc/os-release").write_text("ID=debian\n")
    found = _look(observed, 10.0 + INSTALLED - 0.1).os_release
    assert isinstance(found, OsRelease)
    assert found.id == "ubuntu"
    found = _look(observed, 10.0 + INSTALLED).os_release
    assert isinstance(found, OsRelease)
    assert found.id == "debian"


def test_what_was_refused_is_asked_again_at_once(tmp_path: Path) -> None:
    """No descriptor was left: not a fact about the machine."""
    observed = _tree(tmp_path)
    observed.host.forget()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        assert isinstance(_look(observed, 10.1).netdevs, Gap)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert _mtu(_look(observed, 10.2)) == 1500


# --- the rest of a host --------------------------------------------------------------------------


def test_it_is_a_host() -> None:
    """Of one sample, of the running machine; what is supplied needs no beginning."""
    host: Host = ResidentHost(prefix="/nonexistent")
    assert (host.source, host.samples) == ("live", 1)
    host.begin_sample(BOTH)
    host.begin_instance(azure=True)
    assert host.cpu_count() == os.cpu_count()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", host.observed_at())


def test_instance_metadata_is_what_it_was_given() -> None:
    """Never asked, refused, or a body."""
    host = ResidentHost(prefix="/nonexistent")
    with pytest.raises(NotAskedError):
        host.instance()
    host.metadata = "HTTP 429"
    with pytest.raises(InstanceRefusedError, match=r"^HTTP 429$"):
        host.instance()
    host.metadata = b"{}"
    assert host.instance() == b"{}"


def test_the_kernel_log_lies_with_the_other_files(tmp_path: Path) -> None:
    """And is an error each time where it may not be read."""
    host = ResidentHost(prefix=str(tmp_path))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            host.kernel_log()
    write_files(tmp_path, {"dev/kmsg": "6,1,1000000,-;hv_netvsc: VF slot 1 added\n"})
    assert host.kernel_log() == b"[    1.000000] hv_netvsc: VF slot 1 added\n"
    assert host._ring._fd is not None
    os.close(host._ring._fd)


# --- whole machines ------------------------------------------------------------------------------


def _recorded(bundle: Path, sample: int) -> Answers:
    """What the kernel of a recorded machine answered."""
    ethtool: dict[str, dict[str, Reply]] = {}
    for interface in (bundle / f"ethtool/{sample}").iterdir():
        for reply in interface.iterdir():
            known = ethtool.setdefault(interface.name, {})
            known[reply.stem] = (
                reply.read_bytes() if reply.suffix == ".bin" else reply.read_text().strip()
            )
    numbers = {"eth0": 2, "enP53091s1": 3}
    found = json.loads((bundle / "addresses.json").read_text())
    addresses = tuple((numbers[entry["interface"]], entry["address"]) for entry in found)
    return Answers(ethtool=ethtool, addresses=addresses, links=(LINK,), complete=True)


def _netdevs(snapshot: Snapshot) -> tuple[Netdev, ...]:
    assert isinstance(snapshot.netdevs, tuple)
    return snapshot.netdevs


def test_a_machine_is_observed_as_from_its_recording(tmp_path: Path) -> None:
    """First without a window, then with one; each sample decoded once."""
    bundle = write_machine(tmp_path / "machine", pairs=[Pair()])
    recorded = _netdevs(observe(BundleHost(str(bundle))))
    host = ResidentHost(prefix=str(bundle / "root"))
    host.sample(0, BOTH)
    host.supply(_recorded(bundle, 0), 10.0)
    first = observe(host)
    assert first.window_seconds is None
    assert [netdev.samples for netdev in _netdevs(first)] == [
        netdev.samples[:1] for netdev in recorded
    ]
    host.supply(_recorded(bundle, 1), 11.5)
    second = observe(host)
    assert second.window_seconds == 1.5
    assert _netdevs(second) == recorded
    for before, after in zip(_netdevs(first), _netdevs(second), strict=True):
        assert after.samples[0] is before.samples[0]
    assert second.kernel_release == "6.8.0-1029-azure"
    assert second.instance == Gap(asked=False, why="IMDS was not asked")


def test_a_kernel_that_hangs_is_told_and_the_files_are_read(tmp_path: Path) -> None:
    """It is what probes-answered fails for."""
    bundle = write_machine(tmp_path / "machine", pairs=[Pair()])
    host = ResidentHost(prefix=str(bundle / "root"))
    host.sample(0, BOTH)
    host.supply(Answers(ethtool={}), 10.0)
    snapshot = observe(host)
    assert [netdev.mtu for netdev in _netdevs(snapshot)] == [1500, 1500]
    assert {run.name for run in snapshot.probes if run.late} == {"ethtool", "addresses"}


def test_an_interface_that_was_not_asked_about_is_not_late(tmp_path: Path) -> None:
    """It has come since the question: unknown for now, and nothing has failed."""
    bundle = write_machine(tmp_path / "machine", pairs=[Pair()])
    host = ResidentHost(prefix=str(bundle / "root"))
    host.sample(0, {"eth0": 2})
    host.supply(_recorded(bundle, 0), 10.0)
    snapshot = observe(host)
    assert host.unasked
    assert all(run.why is None for run in snapshot.probes)
    vf, nic = _netdevs(snapshot)
    assert vf.samples[0].channels == Gap(asked=True, why="ethtool channels: EAGAIN")
    assert vf.addresses == Gap(asked=True, why="RTM_GETADDR: EAGAIN")
    assert not isinstance(nic.samples[0].channels, Gap)
