"""The page's NICs: each is drawn as it is paired now, with its facts."""

from __future__ import annotations

import copy
import html
import re
from typing import Any

import pytest

from accelnet_agent import page
from accelnet_agent.page import PastEvent
from accelnet_probes.record import replace
from hours import FIXTURES, document_of, facts_about, facts_of
from reading import parts, shown
from trees import judge_bundle


def report(machine: str = "mlx5-healthy") -> dict[str, Any]:
    """A report of a fixture, to be changed."""
    return copy.deepcopy(document_of(machine))


def drawn(document: dict[str, Any], **facts: Any) -> str:
    """The drawing of the first NIC."""
    rendered = page.render(replace(facts_about(document), **facts))
    return parts(rendered, '<svg class="drawing.*?(?=</div>)')[0]


def ways(drawing: str) -> tuple[str, ...]:
    """The classes of the lines, in the order in which they are drawn: VF first, from above."""
    return tuple(re.findall(r'class="way ([a-z]+)"', drawing))


DRAWN = {
    "datapath-not-switched": ("idle", "idle", "now", "now"),
    "idle": ("now", "now", "idle", "idle"),
    "ioctl-hangs": ("maybe", "maybe", "maybe", "maybe"),
    "mana-healthy": ("now", "now", "idle", "idle"),
    "no-vf": ("now", "now"),
    "vf-down": ("idle", "broken", "now", "now"),
    "vf-no-carrier": ("idle", "broken", "now", "now"),
    "vf-not-paired": ("broken", "none", "now", "now"),
    "vf-revoked": ("now", "now"),
    "vf-without-driver": ("broken", "none", "now", "now"),
}


@pytest.mark.parametrize(("machine", "expected"), DRAWN.items())
def test_the_way_in_use_is_thick_and_named(machine: str, expected: tuple[str, ...]) -> None:
    """One way is the data path; a broken join is drawn broken; what was not seen is neither."""
    drawing = drawn(report(machine))
    assert ways(drawing) == expected
    assert drawing.count(">data path<") == expected.count("now") // 2
    assert drawing.count('class="head"') == expected.count("now") // 2
    assert drawing.count('class="cross"') == expected.count("broken")


def test_the_vf_is_drawn_with_its_facts() -> None:
    """Name, state, driver, family and PCI address in its box."""
    drawing = drawn(report())
    assert ">enP1s1<" in drawing
    assert ">VF · mlx5_core<" in drawing
    assert ">ConnectX-4 Lx<" in drawing
    assert ">0001:00:02.0<" in drawing
    assert drawing.count(">up<") == 2


def test_a_vf_that_is_not_joined_is_drawn_beside_its_nic() -> None:
    """By the name of its interface, or by its PCI address where it has none."""
    joined = drawn(report("vf-not-paired"))
    assert ">enP1s1<" in joined
    assert ">0001:00:02.0<" in joined
    assert ">not joined<" in joined
    bare = drawn(report("vf-without-driver"))
    assert ">0001:00:02.0<" in bare
    assert ">VF · no driver<" in bare


def test_a_vf_that_is_not_joined_may_share_its_function() -> None:
    """One PCI function of MANA carries several interfaces, others of which are joined."""
    document = report("vf-not-paired")
    other = report()["nics"][0]
    other["name"], other["vf"]["name"] = "eth9", "enP1s1n1"
    document["nics"].append(other)
    document["pci_functions"][0]["netdevs"] = ["enP1s1", "enP1s1n1"]
    assert ">VF · mlx5_core<" in drawn(document)


def test_a_vf_that_is_not_joined_may_be_known_by_name_alone() -> None:
    """Where the PCI bus could not be read."""
    document = report("vf-not-paired")
    document["pci_functions"] = []
    assert ">VF<" in drawn(document)


def test_a_skipped_check_leaves_what_can_only_be_the_vf() -> None:
    """Without vf-paired, the function that no NIC stands on; without that, none by name."""
    document = report("vf-not-paired")
    document["findings"] = [f for f in document["findings"] if f["check"] != "vf-paired"]
    document["pci_functions"][0]["driver_observed"] = False
    document["pci_functions"][0]["driver"] = None
    assert ">VF · driver not seen<" in drawn(document)
    document["pci_functions"] = []
    assert "a VF is not joined" in shown(page.render(facts_about(document)))


def test_no_vf_is_drawn_as_none() -> None:
    """An empty place, and since when it is empty where that is known."""
    document = report("vf-revoked")
    facts = facts_about(document)
    left = PastEvent(at=facts.now - 130, device="eth1", event="removed", vf="enP1s1")
    back = PastEvent(at=facts.now - 60, device="eth1", event="added", vf="enP1s1")
    assert "ago" not in drawn(document)
    assert ">left 2 min ago<" in drawn(document, events=(left,))
    assert "ago" not in drawn(document, events=(left, back))


def test_a_direct_nic_has_one_way() -> None:
    """Its own box, and from there to the network: no VMBus, no VF below it."""
    document = report()
    document["nics"][0].update(
        name="enP1s1", driver="mana", datapath="direct", vf=None, window=None
    )
    drawing = drawn(document)
    assert ways(drawing) == ("now",)
    assert "VMBus" not in drawing
    assert ">direct NIC · mana<" in drawing


def test_a_switch_is_neither_way() -> None:
    """Being switched: no data path is named."""
    document = report()
    document["nics"][0]["datapath"] = "switching"
    drawing = drawn(document)
    assert ways(drawing) == ("maybe",) * 4
    assert ">data path<" not in drawing
    assert "eth1 is being switched" in shown(page.render(facts_about(document)))


def test_a_vf_that_could_not_be_seen_is_not_none() -> None:
    """An empty place that says why it is empty."""
    document = report()
    document["nics"][0].update(datapath="unknown", vf=None, window=None)
    assert "VF: could not be seen" in drawn(document)
    assert "could not be seen" in shown(page.render(facts_about(document)))


def test_a_fact_that_is_none_is_not_known() -> None:
    """Of the NIC and of its VF."""
    document = report()
    nic = document["nics"][0]
    nic.update(driver=None, mac=None, mtu=None, operstate=None, addresses=[], counters={})
    nic["vf"].update(driver=None, pci_address=None, family="unknown", operstate=None, mtu=None)
    drawing = drawn(document)
    assert ">VF · driver not known<" in drawing
    assert ">address not known<" in drawing
    assert ">family not known<" in drawing
    assert "MAC address not known MTU not known Addresses none seen" in shown(
        page.render(facts_about(document))
    )


def test_the_network_is_azures_on_azure_alone() -> None:
    """On Hyper-V it is a network."""
    document = report()
    assert ">Azure network<" in drawn(document)
    document["host"]["azure"] = False
    assert ">network<" in drawn(document)


@pytest.mark.parametrize(
    ("machine", "status"),
    [
        ("mlx5-healthy", "pass"),
        ("datapath-not-switched", "fail"),
        ("no-vf", "warn"),
        ("vf-without-driver", "fail"),
        ("ioctl-hangs", "unknown"),
        ("vf-drops", "pass"),
    ],
)
def test_the_data_path_has_the_colour_of_what_is_wrong_with_it(machine: str, status: str) -> None:
    """Of the checks that are about the path, of none other."""
    assert f'<svg class="drawing {status}"' in drawn(report(machine))


def test_an_expected_lack_of_a_vf_alarms_nobody() -> None:
    """With --expect off, the synthetic path is right."""
    assert '<svg class="drawing skip"' in drawn(judge_bundle(FIXTURES / "no-vf", "off"))


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("mlx5-healthy", "eth1 sends by its VF enP1s1: 100 % of 937 packets in 1 s."),
        ("idle", "eth1 is paired with enP1s1, which is up; no traffic has proven it just now."),
        ("datapath-not-switched", "sends by the synthetic path: 948 packets went past enP1s1."),
        ("vf-down", "eth1 sends by the synthetic path: enP1s1 is down."),
        ("no-vf", "eth1 sends by the synthetic path: no VF is paired with it."),
        ("vf-not-paired", "the synthetic path: enP1s1 is there, but not joined to it."),
        ("ioctl-hangs", "eth1 is paired with enP1s1; where it sends could not be seen."),
    ],
)
def test_it_says_where_packets_go(machine: str, said: str) -> None:
    """In a sentence, which is the drawing's description too."""
    rendered = page.render(facts_of(machine))
    assert said in shown(rendered)
    assert said in html.unescape(parts(rendered, "<desc.*?</desc>")[0]).replace("\xa0", " ")


def test_a_path_that_only_the_kernel_tells_of_is_said_so() -> None:
    """Not switched, and no traffic to show it."""
    document = report("datapath-not-switched")
    document["nics"][0]["window"] = None
    assert "by the synthetic path: so the kernel says" in shown(page.render(facts_about(document)))


def test_facts_of_a_nic_stand_beside_it() -> None:
    """Two MTUs where they differ, the VF's addresses where it has some, what was dropped."""
    assert "MTU 1500, of enP1s1 1400" in shown(page.render(facts_of("mtu-mismatch")))
    assert "Addresses of the VF 10.0.0.4/24" in shown(page.render(facts_of("ipv4-on-vf")))
    assert re.search(r"packets sent and \d+ dropped", shown(page.render(facts_of("vf-drops"))))


def test_many_addresses_are_cut() -> None:
    """A page is no list."""
    document = report()
    document["nics"][0]["addresses"] = [f"10.0.0.{number}/24" for number in range(30)]
    assert "10.0.0.7/24 and 22 more" in shown(page.render(facts_about(document)))


def test_functions_that_no_nic_stands_on_are_listed() -> None:
    """With address, device, driver and interface."""
    words = shown(page.render(facts_of("vf-not-paired")))
    assert "0001:00:02.0 MT27710 Family [ConnectX-4 Lx Virtual Function] mlx5_core enP1s1" in words
    assert "used by no NIC" not in shown(page.render(facts_of("mlx5-healthy")))


def test_two_nics_are_two_drawings() -> None:
    """Each with its own VF."""
    rendered = page.render(facts_of("two-nics"))
    assert len(parts(rendered, '<svg class="drawing')) == 2
    assert "eth0 sends by its VF enP1s1" in shown(rendered)
    assert "eth2 sends by its VF enP2s2" in shown(rendered)
