"""tracker: each change of a VF counts once, whoever tells of it, and however late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.history import decode, encode
from accelnet_agent.tracker import DAY, MAX_HAPPENINGS, MISSED, RECONCILED, Tracker
from accelnet_agent.tracks import Moment, Moved, NicView, Totals, Vf
from accelnet_probes.record import replace
from accelnet_probes.rtnetlink import IFF_LOWER_UP, Link
from watching import BOOT, DOWN, NIC, UP, VF, WALL, Watched, a_link, a_seen_vf, a_view, at

GONE = a_link(flags=DOWN, master=None, gone=True)
SET_DOWN = a_link(flags=DOWN)
NEW = a_link(ifindex=9, name="eth1", flags=DOWN)
NEW_UP = a_link(ifindex=9, name="eth1")
SEEN_NEW = a_seen_vf(ifindex=9)


def _restarted(nic: Watched, *, same_boot: bool = True) -> Watched:
    """The agent ends and begins again."""
    again = Watched(seen=False)
    state = encode(nic.tracker, "this boot")
    again.now = nic.now
    again.tracker = decode(state, "this boot" if same_boot else "another", nic.now)
    return again


# --- first sight ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vf",
    [
        pytest.param(a_seen_vf(), id="vf"),
        pytest.param(a_seen_vf(running=False), id="vf-down"),
        pytest.param(None, id="no-vf"),
    ],
)
def test_what_is_there_at_first_sight_has_not_happened(vf: Vf | None) -> None:
    """Nothing is counted, nothing is told."""
    nic = Watched(seen=False)
    nic.observe(vf)
    assert nic.counts == (0, 0, 0, 0)
    assert nic.totals.last_switch is None
    assert (nic.kinds(), nic.tracker.changes) == ([], 0)


def test_a_nic_that_comes_later_is_met_as_well() -> None:
    """A NIC that is attached to the running VM, with its VF: first sight of both."""
    nic = Watched()
    nic.observe(a_seen_vf(), a_view(a_seen_vf(ifindex=5), name="eth1", ifindex=4))
    assert nic.kinds("eth1") == []


def test_the_vf_that_comes_before_the_first_sight_of_its_nic_is_no_event() -> None:
    """Its message is about nothing that is known yet; it is worth a look."""
    nic = Watched(seen=False)
    assert nic.message(a_link())
    nic.observe(a_seen_vf())
    assert nic.counts == (0, 0, 0, 0)


# --- once, whoever tells it ----------------------------------------------------------------------

Step = Callable[[Watched], Any]


def _observed(vf: Vf | None) -> Step:
    return lambda nic: nic.observe(vf)


def _told(*links: Link) -> Step:
    return lambda nic: [nic.message(link) for link in links]


REMOVED = (0, 1, 0, 1)
RETURNED = (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("steps", "counts"),
    [
        pytest.param([_told(SET_DOWN, GONE), _observed(None)], REMOVED, id="messages-first"),
        pytest.param([_told(GONE), _observed(None)], REMOVED, id="no-message-that-it-is-down"),
        pytest.param([_observed(None), _told(GONE)], REMOVED, id="observation-first"),
        pytest.param(
            [_observed(None), _told(SET_DOWN, replace(SET_DOWN, master=None), GONE)],
            REMOVED,
            id="observation-then-all-of-its-messages",
        ),
        pytest.param([_told(SET_DOWN), _observed(None), _told(GONE)], REMOVED, id="between"),
        pytest.param(
            [_told(SET_DOWN, GONE, NEW, NEW_UP), _observed(SEEN_NEW)], RETURNED, id="by-messages"
        ),
        pytest.param([_observed(SEEN_NEW)], RETURNED, id="by-reconciling-alone"),
        pytest.param(
            [_observed(SEEN_NEW), _told(SET_DOWN, GONE, NEW, NEW_UP)],
            (1, 1, 2, 2),  # the new VF was down for a moment: a switch that nobody had seen
            id="observation-then-the-messages-of-before",
        ),
        pytest.param([_told(NEW_UP), _observed(SEEN_NEW)], RETURNED, id="its-end-was-lost"),
        pytest.param([_told(SET_DOWN, GONE), _observed(SEEN_NEW)], RETURNED, id="start-lost"),
        pytest.param([_observed(None), _observed(SEEN_NEW)], RETURNED, id="two-observations"),
        pytest.param(
            [_observed(None), _told(SET_DOWN, GONE, NEW, NEW_UP), _observed(SEEN_NEW)],
            RETURNED,
            id="one-each",
        ),
        pytest.param([_observed(None), _observed(a_seen_vf())], RETURNED, id="joined-again"),
        pytest.param(
            [_observed(None), _told(a_link()), _observed(a_seen_vf())],
            RETURNED,
            id="joined-again-and-told",
        ),
    ],
)
def test_each_change_counts_once(steps: list[Step], counts: tuple[int, ...]) -> None:
    """Message, then observation; observation, then the messages that had waited."""
    nic = Watched()
    for step in steps:
        step(nic)
    assert nic.counts == counts


@pytest.mark.parametrize("late", [SET_DOWN, GONE, a_link(name="renamed"), a_link()])
def test_a_stale_message_brings_nobody_back(late: Link) -> None:
    """The VF was replaced, and an observation has said so: what is told of the old one is over."""
    nic = Watched()
    nic.observe(SEEN_NEW)
    nic.message(late)
    assert nic.counts == RETURNED
    assert nic.tracker.tracks["eth0"].vf == SEEN_NEW


def test_a_message_of_a_vf_before_the_last_but_one_is_stale_too() -> None:
    """Ifindexes are given once."""
    nic = Watched()
    nic.observe(SEEN_NEW)
    nic.observe(None)
    nic.message(SET_DOWN)
    assert nic.counts == (1, 2, 1, 2)
    assert nic.tracker.tracks["eth0"].vf is None


def test_how_it_is_known_is_noted() -> None:
    """What a message told has no note, what was found by looking has one."""
    nic = Watched()
    nic.message(GONE)
    nic.observe(SEEN_NEW)
    notes = {told.kind: told.note for told in nic.tracker.happenings}
    assert notes == {
        "removed": None,
        "to-synthetic": None,
        "added": RECONCILED,
        "to-vf": RECONCILED,
    }


def test_a_revocation_and_a_return_are_told_in_order() -> None:
    """As the kernel does it."""
    nic = Watched()
    for link in (SET_DOWN, GONE, NEW, replace(NEW_UP, name="enP1s1"), a_link(ifindex=9)):
        nic.message(link)
    assert nic.kinds() == [
        *("down", "to-synthetic", "removed", "added"),
        *("renamed", "up", "to-vf", "renamed"),
    ]


def test_the_departure_names_the_vf_that_left() -> None:
    """Its name and address, though it is not there any more."""
    nic = Watched()
    nic.message(GONE)
    told = {told.kind: (told.vf, told.pci_address) for told in nic.tracker.happenings}
    vf = ("enP53091s1", "cf63:00:02.0")
    assert told == {"removed": vf, "to-synthetic": vf}


# --- messages that say nothing -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "worth_a_look"),
    [
        pytest.param(Link(ifindex=NIC, name="eth0", flags=UP), True, id="the-nic"),
        pytest.param(
            Link(ifindex=NIC, name="eth0", flags=0, gone=True), True, id="the-nic-is-gone"
        ),
        pytest.param(a_link(), True, id="the-vf"),
        pytest.param(a_link(ifindex=9, master=None), True, id="a-device"),
        pytest.param(a_link(ifindex=9, master=77), True, id="a-device-of-a-bond"),
        pytest.param(a_link(ifindex=9, master=77, is_virtual=True), False, id="a-veth-of-a-bridge"),
        pytest.param(a_link(ifindex=9, master=None, gone=True), False, id="another-went"),
        pytest.param(a_link(flags=UP | 0x100), True, id="promiscuous"),
    ],
)
def test_what_is_told_of_nothing_new_changes_nothing(link: Link, worth_a_look: bool) -> None:
    """Only what may concern a NIC or its VF is worth a look."""
    nic = Watched()
    assert nic.message(link) is worth_a_look
    assert nic.counts == (0, 0, 0, 0)


def test_that_the_vf_is_joined_no_more_is_for_an_observation_to_say() -> None:
    """A message without a master: the netdev is still there."""
    nic = Watched()
    assert nic.message(a_link(master=None))
    assert nic.counts == (0, 0, 0, 0)
    nic.observe(None)
    assert nic.counts == REMOVED


def test_messages_about_a_vf_are_counted() -> None:
    """So that answers that are older than the newest of them can be told."""
    nic = Watched()
    for link in (a_link(), NEW, GONE, Link(ifindex=NIC, name="eth0", flags=UP)):
        nic.message(link)
    assert nic.tracker.messages == 2


# --- the data path -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(DOWN, id="down"),
        pytest.param(UP & ~IFF_LOWER_UP, id="no-carrier"),
        pytest.param(DOWN | IFF_LOWER_UP, id="down-with-a-carrier"),
    ],
)
def test_a_vf_that_does_not_run_is_a_switch_and_so_is_its_return(flags: int) -> None:
    """hv_netvsc goes by IFF_UP and the carrier."""
    nic = Watched()
    nic.wait(60)
    nic.message(a_link(flags=flags))
    assert nic.counts == (0, 0, 0, 1)
    nic.wait(5)
    nic.message(a_link())
    assert nic.counts == (0, 0, 1, 1)
    assert nic.totals.last_switch == WALL + 65
    assert nic.kinds() == ["down", "to-synthetic", "up", "to-vf"]


def test_a_vf_whose_link_was_not_seen_is_no_switch() -> None:
    """Where its flags could not be had, nothing is known of the path."""
    nic, paths = Watched(a_seen_vf(running=None)), list[str | None]()
    paths.append(nic.tracker.tracks["eth0"].path)
    nic.message(a_link())
    paths.append(nic.tracker.tracks["eth0"].path)
    assert paths == [None, "vf"]
    assert nic.counts == (0, 0, 0, 0)


def test_what_an_observation_did_not_see_of_a_vf_stays_as_it_was() -> None:
    """Its state, its counts and its address."""
    nic = Watched()
    unseen = a_seen_vf(running=None, pci_address=None, carrier_up=None, carrier_down=None)
    nic.observe(unseen)
    assert nic.tracker.tracks["eth0"].vf == a_seen_vf()
    assert nic.counts == (0, 0, 0, 0)


def test_an_observation_alone_sees_a_vf_go_down() -> None:
    """By the files, where netlink can not be had at all."""
    nic = Watched()
    nic.observe(a_seen_vf(running=False))
    nic.observe(a_seen_vf())
    assert nic.counts == (0, 0, 1, 1)


def test_packets_past_a_vf_that_is_up_are_a_switch() -> None:
    """Whatever its flags say."""
    nic = Watched()
    nic.observe(a_seen_vf(), past_vf=True)
    assert nic.counts == (0, 0, 0, 1)
    nic.observe(a_seen_vf(), past_vf=False)
    assert nic.counts == (0, 0, 1, 1)


def test_silence_is_no_proof_that_the_path_is_the_vf_again() -> None:
    """A window without traffic between two with packets past the VF: no switch to and fro."""
    nic = Watched()
    for past_vf in (True, None, True, None, None, True):
        nic.observe(a_seen_vf(), past_vf=past_vf)
    assert nic.counts == (0, 0, 0, 1)


def test_a_vf_that_was_down_and_up_is_used_again_until_traffic_says_otherwise() -> None:
    """The kernel switches at each up."""
    nic = Watched()
    nic.observe(a_seen_vf(), past_vf=True)
    nic.message(SET_DOWN)
    nic.message(a_link())
    assert nic.counts == (0, 0, 1, 1)


def test_of_a_nic_whose_pairing_was_not_seen_nothing_is_said() -> None:
    """The listing was refused: no departure."""
    nic = Watched()
    nic.observe(None, seen=False, ifindex=None)
    assert nic.counts == (0, 0, 0, 0)
    assert nic.tracker.tracks["eth0"].ifindex == NIC


# --- time ----------------------------------------------------------------------------------------


def test_time_on_the_synthetic_path_is_counted() -> None:
    """From the switch to the one back, whoever asks meanwhile."""
    nic = Watched()
    nic.wait(100)
    nic.message(SET_DOWN)
    nic.wait(7)
    assert nic.totals.synthetic_seconds == 7
    nic.wait(3)
    nic.message(a_link())
    nic.wait(50)
    assert nic.totals.synthetic_seconds == 10


def test_a_nic_without_vf_is_on_the_synthetic_path_from_first_sight_on() -> None:
    """That counts, and is no switch."""
    nic = Watched(seen=False)
    nic.wait(50)
    nic.observe(None)
    nic.wait(20)
    assert nic.totals.synthetic_seconds == 20
    assert nic.totals.to_synthetic == 0


@pytest.mark.parametrize("step", [-86400.0, 86400.0])
def test_a_clock_that_is_set_makes_no_time(step: float) -> None:
    """Seconds are counted by the clock that nobody sets."""
    nic = Watched()
    nic.message(SET_DOWN)
    nic.now = at(10, set_by=step)
    assert nic.totals.synthetic_seconds == 10


def test_no_time_is_counted_while_the_agent_is_off() -> None:
    """What it had counted goes on when it is there again."""
    nic = Watched()
    nic.message(SET_DOWN)
    nic.wait(10)
    assert nic.totals.synthetic_seconds == 10
    again = _restarted(nic)
    again.wait(1000)
    again.observe(a_seen_vf(running=False))
    again.wait(5)
    assert again.totals.synthetic_seconds == 15


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_message", [True, False])
def test_a_vf_that_is_renamed_is_the_same(by_message: bool) -> None:
    """udev names it a moment after it came."""
    nic = Watched(a_seen_vf(name="eth1"))
    if by_message:
        nic.message(a_link())
    else:
        nic.observe(a_seen_vf())
    assert nic.kinds() == ["renamed"]
    assert nic.last.vf == "enP53091s1"
    assert (nic.last.note or "").startswith("it was eth1")
    assert nic.counts == (0, 0, 0, 0)


def test_a_nic_that_is_renamed_takes_its_history_along() -> None:
    """The same ifindex under another name, and the old name is no NIC's."""
    nic = Watched()
    nic.message(GONE)
    nic.tracker.reconcile([a_view(name="lan0")], nic.now)
    assert list(nic.tracker.tracks) == ["lan0"]
    assert nic.tracker.tracks["lan0"].totals.removed == 1


def test_nics_that_change_places_take_their_vfs_and_histories_along() -> None:
    """cloud-init names them anew where Azure counts them in another order: no VF has left."""
    nic = Watched()
    vf = a_seen_vf(ifindex=5, name="vf1")
    nic.observe(a_seen_vf(), a_view(vf, name="eth1", ifindex=4))
    nic.message(GONE)
    before = nic.kinds()
    nic.observe(vf, a_view(name="eth1"), ifindex=4)
    assert (nic.counts, nic.tracker.tracks["eth1"].totals.removed) == ((0, 0, 0, 0), 1)
    assert nic.kinds() == before
    assert nic.kinds("eth1") == []


def test_a_name_of_a_time_before_is_not_taken_over() -> None:
    """Of another boot, or of a NIC that is gone: what is known of that NIC goes on."""
    nic = Watched()
    other = a_view(a_seen_vf(ifindex=5, name="vf1"), name="lan0", ifindex=4)
    nic.observe(a_seen_vf(), other)
    nic.observe(a_seen_vf())
    nic.observe(a_seen_vf(ifindex=7), name="lan0")
    assert nic.tracker.tracks["lan0"].totals.removed == 1
    assert nic.tracker.tracks["lan0"].totals.added == 1


# --- NICs that go and come -----------------------------------------------------------------------


def test_the_vf_of_a_nic_that_vanishes_has_left() -> None:
    """And is there again with the NIC; meanwhile there is no data path, and no time on one."""
    nic = Watched()
    nic.tracker.reconcile([], nic.now)
    assert (nic.kinds(), nic.last.note) == (["removed"], "eth0 itself is gone")
    nic.wait(100)
    nic.tracker.reconcile([], nic.now)
    nic.observe(a_seen_vf(ifindex=9), ifindex=8)
    assert nic.counts == (1, 1, 0, 0)
    assert nic.totals.synthetic_seconds == 0


def test_a_nic_without_vf_vanishes_in_silence() -> None:
    """Nothing of it has left."""
    nic = Watched(seen=False)
    nic.observe(None)
    nic.tracker.reconcile([], nic.now)
    assert nic.kinds() == []
    assert nic.tracker.tracks["eth0"].ifindex is None


def test_a_nic_that_could_not_be_told_has_not_vanished() -> None:
    """Its driver could not be read: it is there."""
    nic = Watched()
    nic.tracker.reconcile([], nic.now, ["eth0"])
    assert nic.counts == (0, 0, 0, 0)


# --- one function, two NICs ----------------------------------------------------------------------


def test_two_vfs_of_one_function_are_two_vfs() -> None:
    """MANA has a netdev for each NIC on one PCI address."""
    mana = "7870:00:00.0"
    nic = Watched(seen=False)
    views = [
        a_view(a_seen_vf(pci_address=mana)),
        a_view(a_seen_vf(ifindex=5, pci_address=mana), name="eth1", ifindex=4),
    ]
    nic.tracker.reconcile(views, nic.now)
    nic.message(a_link(ifindex=5, master=4, flags=DOWN))
    nic.message(a_link(ifindex=5, master=None, gone=True))
    nic.tracker.reconcile([views[0], replace(views[1], vf=None)], nic.now)
    assert nic.counts == (0, 0, 0, 0)
    assert nic.tracker.tracks["eth1"].totals == Totals(removed=1, to_synthetic=1, last_switch=WALL)


# --- what was lost -------------------------------------------------------------------------------


def _toggles(count: int) -> list[Link]:
    """The messages of so many times down and up, with the kernel's own counts."""
    return [
        a_link(flags=flags, carrier_down=2 + n, carrier_up=1 + n + (flags == UP))
        for n in range(count)
        for flags in (DOWN, UP)
    ]


def test_three_thousand_toggles_are_counted_exactly() -> None:
    """And remembered as far as memory is meant to go."""
    nic = Watched()
    for link in _toggles(3000):
        nic.message(link)
    assert nic.counts == (0, 0, 3000, 3000)
    assert nic.tracker.changes == 12_000
    assert MAX_HAPPENINGS / 2 < len(nic.tracker.happenings) <= MAX_HAPPENINGS


@pytest.mark.parametrize("kept", [1, 2, 999, 5998, 5999])
@pytest.mark.parametrize("by_message", [True, False])
def test_toggles_that_were_lost_are_counted_by_the_kernels_count(
    kept: int, by_message: bool
) -> None:
    """Messages stopped after so many (ENOBUFS); a link that is asked for, or the next message."""
    nic, links = Watched(), _toggles(3000)
    for link in links[:kept]:
        nic.message(link)
    nic.tracker.overflow()
    if by_message:
        nic.message(links[-1])
    else:
        nic.tracker.links([links[-1]], nic.now)
    nic.observe(a_seen_vf())
    assert nic.counts == (0, 0, 3000, 3000)


def test_while_nobody_listens_every_look_counts() -> None:
    """No socket is open yet, or it broke: what was asked for in between is no end of the loss."""
    nic, links = Watched(), _toggles(30)
    nic.tracker.overflow(deaf=True)
    for link in links[1::20]:
        nic.tracker.links([link], nic.now)
        nic.observe(a_seen_vf(carrier_up=None, carrier_down=None))
    nic.tracker.overflow()
    nic.tracker.links([links[-1]], nic.now)
    assert nic.counts == (0, 0, 30, 30)


def test_they_are_counted_once() -> None:
    """The link that was asked for, then a message that says the same."""
    nic, links = Watched(), _toggles(9)
    nic.tracker.overflow()
    nic.tracker.links([links[-1]], nic.now)
    nic.tracker.overflow()
    nic.message(links[-1])
    assert nic.counts == (0, 0, 9, 9)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(UP, ["to-synthetic", "to-vf"], id="up-again"),
        pytest.param(DOWN, ["to-synthetic", "to-vf", "down", "to-synthetic"], id="down-at-last"),
    ],
)
def test_what_was_lost_is_told_as_one_thing_that_happened_many_times(
    flags: int, expected: list[str]
) -> None:
    """To and fro, so often; then how it stands."""
    nic = Watched()
    nic.tracker.overflow()
    nic.message(a_link(flags=flags, carrier_down=6 if flags == DOWN else 5))
    assert nic.kinds() == expected
    for told in nic.tracker.happenings[:2]:
        assert (told.times, told.note) == (4, "4 times, by the kernel's own count")


def test_a_vf_that_was_down_was_up_first() -> None:
    """The order is that of the path before."""
    nic = Watched(a_seen_vf(running=False))
    nic.tracker.overflow()
    nic.message(a_link(flags=DOWN, carrier_down=4, carrier_up=4))
    assert nic.kinds() == ["to-vf", "to-synthetic"]
    assert nic.counts == (0, 0, 3, 3)


def test_counts_say_nothing_while_no_message_was_lost() -> None:
    """The kernel tells of short flaps as one (linkwatch): what it told counts."""
    nic = Watched()
    nic.message(a_link(carrier_down=5, carrier_up=5))
    assert nic.counts == (0, 0, 0, 0)


def test_a_kernel_without_counts_can_not_say_what_was_lost() -> None:
    """Before 4.16."""
    nic = Watched()
    nic.tracker.overflow()
    nic.message(a_link(carrier_up=None, carrier_down=None))
    assert nic.counts == (0, 0, 0, 0)


def test_the_counts_of_a_vf_that_is_new_are_its_own() -> None:
    """It came after the loss: what its driver did before it was joined is no switch."""
    nic = Watched()
    nic.tracker.overflow()
    nic.message(replace(NEW, carrier_down=3))
    nic.message(replace(NEW_UP, carrier_down=9))
    assert nic.counts == RETURNED


@pytest.mark.parametrize(
    "after",
    [pytest.param([NEW_UP], id="by-message"), pytest.param([], id="by-reconciling")],
)
def test_a_vf_that_was_replaced_while_messages_were_lost_is_found(after: list[Link]) -> None:
    """By its ifindex."""
    nic = Watched()
    nic.tracker.overflow()
    for link in after:
        nic.message(link)
    nic.observe(SEEN_NEW)
    assert nic.counts == RETURNED


def test_a_link_that_was_asked_for_and_is_another_says_nothing() -> None:
    """Links of other interfaces are not looked at."""
    nic = Watched()
    nic.tracker.links([a_link(ifindex=9, flags=DOWN)], nic.now)
    assert nic.kinds() == []


# --- restarts ------------------------------------------------------------------------------------


def test_after_a_restart_in_the_same_boot_a_change_is_found() -> None:
    """A VF that was taken and given back meanwhile has another ifindex."""
    nic = _restarted(Watched())
    nic.observe(SEEN_NEW)
    assert nic.counts == RETURNED
    assert {told.note for told in nic.tracker.happenings} == {MISSED}


def test_after_a_restart_in_the_same_boot_toggles_are_found() -> None:
    """By the kernel's count."""
    nic = _restarted(Watched())
    nic.tracker.links([a_link(carrier_down=8, flags=DOWN)], nic.now)
    nic.observe(a_seen_vf(running=False))
    assert nic.counts == (0, 0, 6, 7)
    assert nic.last.note == MISSED


def test_after_a_restart_nothing_has_happened_where_nothing_has() -> None:
    """Totals go on as they were."""
    before = Watched()
    before.message(GONE)
    nic = _restarted(before)
    nic.observe(None)
    assert nic.counts == REMOVED
    assert nic.kinds() == ["removed", "to-synthetic"]


def test_after_a_restart_packets_past_the_vf_are_no_news() -> None:
    """The path was and is the synthetic one, though the VF is up; the first look has no window."""
    before = Watched()
    before.observe(a_seen_vf(), past_vf=True)
    nic = _restarted(before)
    nic.observe(a_seen_vf())
    nic.observe(a_seen_vf(), past_vf=True)
    assert nic.counts == (0, 0, 0, 1)


@pytest.mark.parametrize(
    "vf", [pytest.param(None, id="no-vf"), pytest.param(SEEN_NEW, id="another-ifindex")]
)
def test_a_reboot_is_no_event(vf: Vf | None) -> None:
    """All ifindexes are others then; what there was is counted on."""
    before = Watched()
    before.message(GONE)
    nic = _restarted(before, same_boot=False)
    nic.observe(vf)
    assert nic.counts == REMOVED
    assert nic.kinds() == ["removed", "to-synthetic"]


def test_a_nic_that_vanished_while_the_agent_was_off_says_nothing_of_its_vf() -> None:
    """What was not seen to leave is not counted."""
    nic = _restarted(Watched())
    nic.tracker.reconcile([], nic.now)
    assert nic.counts == (0, 0, 0, 0)


# --- hardware ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hardware", "moved"),
    [
        pytest.param(["15b3:1016", "15b3:1016"], None, id="the-same"),
        pytest.param(["15b3:1016", None], None, id="not-seen"),
        pytest.param([None, "15b3:1016"], None, id="first-seen"),
        pytest.param(["15b3:1016", None, "1414:00ba"], ("15b3:1016", "1414:00ba"), id="another"),
    ],
)
def test_a_move_to_other_hardware_is_noticed(
    hardware: list[str | None], moved: tuple[str, str] | None
) -> None:
    """Joined or not: the function is there."""
    nic = Watched(seen=False)
    for ids in hardware:
        nic.observe(None, hardware=ids)
    found = nic.tracker.tracks["eth0"].moved
    assert found == (Moved(before=moved[0], after=moved[1], at=WALL) if moved else None)


def test_a_move_over_a_stop_and_start_is_noticed() -> None:
    """That is a boot, at which nothing else counts."""
    before = Watched(seen=False)
    before.observe(a_seen_vf(), hardware="15b3:1004")
    nic = _restarted(before, same_boot=False)
    nic.observe(a_seen_vf(), hardware="1414:00ba")
    assert nic.tracker.tracks["eth0"].moved is not None
    assert nic.counts == (0, 0, 0, 0)


# --- what is remembered --------------------------------------------------------------------------


def test_what_happened_is_forgotten_after_a_day() -> None:
    """When something else happens."""
    nic = Watched()
    nic.message(GONE)
    nic.wait(DAY + 1)
    nic.message(NEW_UP)
    assert nic.kinds() == ["added", "to-vf"]


@pytest.mark.parametrize("step", [-2 * DAY, 2 * DAY])
def test_a_clock_that_is_set_makes_nobody_forget(step: float) -> None:
    """Of this boot everything is dated by the clock that nobody sets."""
    nic = Watched()
    nic.message(GONE)
    nic.now = at(30, set_by=step)
    nic.message(NEW_UP)
    assert nic.kinds() == ["removed", "to-synthetic", "added", "to-vf"]
    assert [round(told.age(nic.now)) for told in nic.tracker.happenings] == [30, 30, 0, 0]


# --- what time alone will change ------------------------------------------------------------------


def test_what_is_pending_is_told_of_the_last_of_each_kind() -> None:
    """Of each NIC, for each limit that it has not reached."""
    nic = Watched()
    nic.observe(a_seen_vf(), a_view(a_seen_vf(ifindex=5), name="eth1", ifindex=4))
    nic.message(a_link(ifindex=5, master=None, gone=True))
    nic.wait(5)
    for _ in range(3):
        nic.message(SET_DOWN)
        nic.message(a_link())
        nic.wait(1)
    assert nic.tracker.pending(nic.now, (2.0, 10.0)) == {
        ("eth1", "removed", 10.0): 2,
        ("eth1", "to-synthetic", 10.0): 2,
        **{
            ("eth0", kind, limit): limit - 1
            for kind in ("down", "to-synthetic", "up", "to-vf")
            for limit in (2.0, 10.0)
        },
    }
    nic.wait(9)
    assert nic.tracker.pending(nic.now, (2.0, 10.0)) == {}


# --- what departures are put down to -------------------------------------------------------------

FREEZE = "during scheduled event Freeze (Started, 1)"


def _notes(nic: Watched) -> list[str | None]:
    return [told.note for told in nic.tracker.happenings if told.kind == "removed"]


def test_a_departure_is_put_down_to_what_goes_on() -> None:
    """Until that is over."""
    nic = Watched()
    nic.tracker.put_down_to(FREEZE, nic.now)
    nic.message(GONE)
    nic.message(NEW_UP)
    nic.tracker.put_down_to(None, nic.now)
    nic.observe(None)
    assert _notes(nic) == [FREEZE, RECONCILED]


@pytest.mark.parametrize(
    ("seconds", "notes"),
    [
        pytest.param(59, [f"{RECONCILED}, {FREEZE}"], id="just-now"),
        pytest.param(61, [RECONCILED], id="before"),
    ],
)
def test_a_departure_of_the_last_minute_is_put_down_to_it_afterwards(
    seconds: float, notes: list[str]
) -> None:
    """The agent asks every ten seconds: the VF may have gone first."""
    nic = Watched()
    nic.observe(None)
    nic.wait(seconds)
    nic.tracker.put_down_to(FREEZE, nic.now)
    nic.tracker.put_down_to(FREEZE, nic.now)
    assert _notes(nic) == notes


# --- anything ------------------------------------------------------------------------------------


class World:
    """A NIC whose VF really comes, goes and toggles; what happened is counted here."""

    def __init__(self) -> None:
        self.ifindex, self.carrier_up, self.carrier_down = VF, 1, 1
        self.present = self.running = True
        self.added = self.removed = self.to_vf = self.to_synthetic = 0
        self.queue: list[Link] = []

    def link(self, *, gone: bool = False, joined: bool = True) -> Link:
        """How the kernel tells of the VF."""
        return a_link(
            ifindex=self.ifindex,
            flags=UP if self.running else DOWN,
            master=NIC if joined else None,
            carrier_up=self.carrier_up,
            carrier_down=self.carrier_down,
            gone=gone,
        )

    def toggle(self) -> None:
        """Down, or up."""
        if not self.present:
            return
        self.running = not self.running
        self.carrier_up += self.running
        self.carrier_down += not self.running
        self.to_vf += self.running
        self.to_synthetic += not self.running
        self.queue.append(self.link())

    def leave(self) -> None:
        """The host takes it."""
        if not self.present:
            return
        if self.running:
            self.toggle()
        self.queue += [self.link(joined=False), self.link(joined=False, gone=True)]
        self.present = False
        self.removed += 1

    def arrive(self) -> None:
        """The host gives another."""
        if self.present:
            return
        self.ifindex += 3
        self.present, self.running = True, False
        self.carrier_up = self.carrier_down = 1
        self.added += 1
        self.queue += [self.link(joined=False), self.link()]

    def seen(self) -> Vf | None:
        """What an observation's files show."""
        if not self.present:
            return None
        return a_seen_vf(ifindex=self.ifindex, running=None, carrier_up=None, carrier_down=None)


def _deliver(world: World, nic: Watched, count: int) -> None:
    for link in world.queue[:count]:
        nic.message(link)
    del world.queue[:count]


def _look(world: World, nic: Watched) -> None:
    """As the observer does it: what waits, what the kernel answers, the files."""
    _deliver(world, nic, len(world.queue))
    if world.present:
        nic.tracker.links([world.link()], nic.now)
    vf = world.seen()
    link = world.link() if vf is not None else None
    nic.observe(
        None
        if vf is None or link is None
        else replace(
            vf,
            running=link.is_running,
            carrier_up=link.carrier_up,
            carrier_down=link.carrier_down,
        )
    )


def _lose(world: World, nic: Watched) -> None:
    """ENOBUFS: what waits is gone, and the agent is told."""
    world.queue.clear()
    nic.tracker.overflow()


def _restart(world: World, nic: Watched) -> None:
    world.queue.clear()
    nic.tracker = decode(encode(nic.tracker, "boot"), "boot", nic.now)
    _look(world, nic)


ACTIONS: dict[str, Callable[[World, Watched], None]] = {
    "toggle": lambda world, _: world.toggle(),
    "leave": lambda world, _: world.leave(),
    "arrive": lambda world, _: world.arrive(),
    "one-message": lambda world, nic: _deliver(world, nic, 1),
    "all-messages": lambda world, nic: _deliver(world, nic, len(world.queue)),
    "stale-files": lambda world, nic: nic.observe(world.seen()),  # messages wait meanwhile
    "look": _look,
    "time": lambda _, nic: nic.wait(1.5),
    "lose": _lose,
    "restart": _restart,
}
ANY = st.lists(st.sampled_from(list(ACTIONS)))
ORDERLY = st.lists(
    st.sampled_from([n for n in ACTIONS if n not in ("lose", "restart", "stale-files")])
)


def _live(actions: list[str]) -> tuple[World, Watched]:
    world, nic = World(), Watched()
    for action in actions:
        ACTIONS[action](world, nic)
    _look(world, nic)
    return world, nic


@given(ANY)
def test_whatever_happens_it_ends_with_what_is_there(actions: list[str]) -> None:
    """Messages late, lost, or told twice: the VF and the path are right, the counts agree."""
    world, nic = _live(actions)
    track, totals = nic.tracker.tracks["eth0"], nic.totals
    assert (track.vf.ifindex if track.vf is not None else None) == (
        world.ifindex if world.present else None
    )
    uses_vf = world.present and world.running
    assert track.path == ("vf" if uses_vf else "synthetic")
    assert totals.added - totals.removed == world.present - 1
    assert totals.to_vf - totals.to_synthetic == uses_vf - 1
    assert totals.synthetic_seconds <= nic.now.boot - BOOT


@given(ANY)
def test_nothing_is_counted_that_has_not_happened(actions: list[str]) -> None:
    """What is lost may be missed; what has not been is not made up."""
    world, nic = _live(actions)
    assert nic.totals.added <= world.added
    assert nic.totals.removed <= world.removed
    assert nic.totals.to_vf <= world.to_vf


@given(ORDERLY)
def test_where_no_message_is_lost_every_count_is_exact(actions: list[str]) -> None:
    """However late they come, where an observation takes first what waits."""
    world, nic = _live(actions)
    assert nic.counts == (world.added, world.removed, world.to_vf, world.to_synthetic)


@given(st.lists(st.sampled_from(["toggle", "one-message", "all-messages", "look", "lose"])))
def test_toggles_are_exact_whatever_is_lost(actions: list[str]) -> None:
    """As long as the VF is the same, the kernel's own counts know."""
    world, nic = _live(actions)
    assert nic.counts == (0, 0, world.to_vf, world.to_synthetic)


def test_a_tracker_that_has_met_nobody_has_nothing_to_say() -> None:
    """It can be asked at once."""
    tracker = Tracker(BOOT)
    tracker.advance(at(1))
    tracker.overflow()
    assert tracker.link(NEW, at(1))
    assert (tracker.tracks, tracker.happenings) == ({}, [])


def test_moments_and_views_are_values() -> None:
    """They can be compared."""
    assert Moment(wall=1.0, boot=2.0) == Moment(wall=1.0, boot=2.0)
    assert a_view() == NicView(name="eth0", ifindex=NIC, vf=None)
