"""Redaction: nothing that identifies the machine is left, and the judgement is the same."""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelnet_probes.bundle import BundleHost
from accelnet_probes.identities import Identities
from accelnet_probes.masks import Masks
from accelnet_probes.recording import Recording, RecordingHost, write
from accelnet_probes.redaction import redacted
from trees import SECOND, Pair, judge_bundle, judge_host, permaddr, statuses, write_machine

MAC, GUID = Pair().mac, Pair().guid
VM_ID, SUBSCRIPTION = "02aab8a4-74ef-476e-8182-f6d2ba4166a6", "8d10da13-8125-4ba9-a717-bf7490507b3d"


def recorded(machine: Path) -> Recording:
    """A made-up machine's recording."""
    host = RecordingHost(BundleHost(str(machine)), root=str(machine / "root"))
    judge_host(host)
    return Recording(host, "accelnet 0.1.0")


def content_of(bundle: Path) -> Iterator[bytes]:
    """All that somebody sees who is given the bundle: names, targets, contents."""
    with tarfile.open(bundle) as archive:
        for member in archive:
            yield member.name.encode()
            yield member.linkname.encode()
            if member.isreg() and (file := archive.extractfile(member)):
                yield file.read()


def of_mac(mac: str) -> Iterator[bytes]:
    """Every form of a MAC, in lower case."""
    digits = mac.replace(":", "")
    pairs = mac.split(":")
    for sign in (":", "-", ".", "_", ""):
        yield sign.join(pairs).encode()
    yield ".".join(digits[at : at + 4] for at in (0, 4, 8)).encode()
    yield bytes.fromhex(digits)
    whole = digits * 3
    yield "-".join((whole[:8], whole[8:12], whole[12:16])).encode()
    interface = int(digits, 16) ^ (2 << 40)
    interface = (interface >> 24 << 40) | 0xFFFE << 24 | (interface & 0xFFFFFF)
    yield str(ipaddress.IPv6Address((0xFE80 << 112) | interface)).removeprefix("fe80::").encode()
    yield f"{interface:016x}".encode()


def of_guid(guid: str) -> Iterator[bytes]:
    """A GUID with and without dashes, and as SMBIOS has it."""
    raw = bytes.fromhex(guid.replace("-", ""))
    swapped = raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]
    for found in (raw, swapped):
        digits = found.hex()
        yield digits.encode()
        yield "-".join(
            digits[start:end] for start, end in itertools.pairwise((0, 8, 12, 16, 20, 32))
        ).encode()


def is_in(form: bytes, content: bytes) -> bool:
    """Whether a form is there; an address is not there in the midst of a longer number."""
    if re.fullmatch(rb"[0-9.]+", form):
        return re.search(rb"(?<![0-9.])%s(?!\.?[0-9])" % re.escape(form), content) is not None
    return form in content.lower() or form in content


# --- any machine ------------------------------------------------------------------------------


def a_mac(oui: str, rest: int) -> str:
    """A MAC of Azure's."""
    return f"{oui}:{rest.to_bytes(3, 'big').hex(':')}"


def an_ipv6(network: int, host: int) -> ipaddress.IPv6Address:
    """An address by the first group and the rest."""
    return ipaddress.IPv6Address((network << 112) + host)


macs = st.builds(
    a_mac,
    st.sampled_from(["00:0d:3a", "00:22:48", "60:45:bd", "f0:0d:3a"]),
    st.integers(0x10, 0xFFFFFE),
)
guids = st.uuids(version=4).map(str)
ipv4 = st.one_of(
    *(
        st.ip_addresses(v=4, network=network)
        for network in ("10.0.0.0/8", "172.16.0.0/12", "20.0.0.0/8", "192.168.0.0/16")
    )
)
ipv6 = st.builds(an_ipv6, st.sampled_from([0xFD00, 0x2603, 0xFC12]), st.integers(1, 1 << 100))
labels = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,9}", fullmatch=True).map("srv{}".format)


def instance_guid(mac: str, *, old: bool, number: int) -> str:
    """The VMBus instance GUID of a synthetic NIC, on an old or on a newer host."""
    digits = mac.replace(":", "")
    if not old:
        return f"f8615163-{number:04x}-1000-2000-{digits}"
    whole = (digits * 3)[:32]
    return "-".join(whole[start:end] for start, end in itertools.pairwise((0, 8, 12, 16, 20, 32)))


@st.composite
def machines(draw: st.DrawFn) -> tuple[tuple[Pair, ...], dict[str, str], list[str]]:
    """Two pairs, the identities of the VM, and addresses that only a text mentions."""
    found = draw(st.lists(macs, min_size=2, max_size=2, unique=True))
    addresses = draw(st.lists(st.one_of(ipv4, ipv6), min_size=6, max_size=6, unique=True))
    prefixes = [f"{address}/{24 if address.version == 4 else 64}" for address in addresses]
    names = draw(st.lists(labels, min_size=4, max_size=4, unique=True))
    ids = draw(st.lists(guids, min_size=4, max_size=4, unique=True))
    pairs = tuple(
        replace(
            base,
            mac=mac,
            guid=instance_guid(mac, old=draw(st.booleans()), number=number),
            addresses=tuple(prefixes[number * 2 : number * 2 + 2]),
            vf_addresses=tuple(draw(st.lists(st.sampled_from(prefixes), max_size=1))),
        )
        for number, (base, mac) in enumerate(zip((Pair(), SECOND), found, strict=True))
    )
    vm: dict[str, str] = dict(zip(("name", "group", "user", "domain"), names, strict=True))
    vm |= dict(zip(("vm_id", "subscription", "machine_id", "disk"), ids, strict=True))
    return pairs, vm, [str(address) for address in addresses[4:]]


def write_identities(machine: Path, vm: dict[str, str], addresses: list[str]) -> None:
    """Put the identities in the instance metadata and in the log."""
    path = machine / "imds/instance.json"
    document = json.loads(path.read_text())
    document["compute"].update(
        name=vm["name"].upper(),
        vmId=vm["vm_id"],
        subscriptionId=vm["subscription"],
        resourceGroupName=vm["group"],
        resourceId=f"/subscriptions/{vm['subscription']}/resourceGroups/{vm['group']}",
        osProfile={"adminUsername": vm["user"], "computerName": vm["name"]},
        tagsList=[{"name": "owner", "value": f"{vm['user']} of {vm['domain']}"}],
        publicKeys=[{"keyData": f"ssh-rsa AAAA {vm['user']}@{vm['name']}", "path": vm["user"]}],
        evictionPolicy=None,
        priority=7,
        isHostCompatibilityLayerVm="true",
    )
    path.write_text(json.dumps(document))
    with (machine / "kernel.log").open("a") as log:
        log.write(f"[    7.1] hv_utils: {vm['name']}.{vm['domain']}.example is {vm['vm_id']}\n")
        log.writelines(f"[    7.2] hv_netvsc: from {address}: denied\n" for address in addresses)
        log.write(f"[    7.3] PCI command line: root=UUID={vm['disk']} user={vm['user'].upper()}\n")


def add_files(recording: Recording, vm: dict[str, str], pair: Pair, addresses: list[str]) -> None:
    """Files that a later probe might read, and a folder that it could not."""
    bare = pair.mac.replace(":", "")
    files = {
        "etc/hostname": vm["name"],
        "etc/machine-id": vm["machine_id"].replace("-", ""),
        "proc/cmdline": f"root=UUID={vm['disk']} ip={addresses[0]} systemd.hostname={vm['name']}",
        f"boot/loader/entries/{vm['machine_id'].replace('-', '')}-6.8.conf": vm["disk"].upper(),
        f"etc/netplan/{vm['name']}.yaml": f"macaddress: {pair.mac.upper()}\naddresses: {addresses}",
        f"run/udev/data/enx{bare}": f"ID_NET_NAME_MAC=enx{bare}\nMAC={pair.mac.replace(':', '-')}",
        "sys/devices/virtual/dmi/id/product_uuid": vm["vm_id"].upper(),
        "sys/devices/virtual/dmi/id/product_serial": f"serial of {vm['name']}",
    }
    for key, text in files.items():
        recording.root.add_file(key, f"{text}\n".encode())
    recording.root.add_link(f"dev/disk/by-uuid/{vm['disk']}", f"../by-mac/{bare.upper()}")
    recording.unreadable[f"sys/bus/vmbus/devices/{pair.guid}/id"] = "EACCES"
    recording.unreadable[f"var/log/{vm['name']}"] = "EACCES"


@settings(deadline=None, max_examples=50)
@given(machine=machines())
def test_no_form_of_an_identity_is_left(
    machine: tuple[tuple[Pair, ...], dict[str, str], list[str]],
) -> None:
    """Whatever the machine is called: no name, id or address is in the bundle, in any form."""
    pairs, vm, addresses = machine
    with tempfile.TemporaryDirectory() as folder:
        path = write_machine(Path(folder) / "machine", pairs=pairs)
        write_identities(path, vm, addresses)
        recording = recorded(path)
        add_files(recording, vm, pairs[0], addresses)
        write(recording, f"{folder}/plain.tar.gz")
        write(redacted(recording, host_name=f"{vm['name']}.{vm['domain']}"), f"{folder}/new.tar.gz")
        content = b"\n".join(content_of(Path(folder) / "new.tar.gz"))
        plain, new = (
            judge_bundle(Path(f"{folder}/plain.tar.gz")),
            judge_bundle(Path(f"{folder}/new.tar.gz")),
        )
    forms = [form for pair in pairs for form in of_mac(pair.mac)]
    forms += [pair.guid[:length].encode() for pair in pairs for length in (31, 36)]
    forms += [
        form for name in ("vm_id", "subscription", "machine_id") for form in of_guid(vm[name])
    ]
    forms += [vm[name].encode() for name in ("name", "group", "user", "domain", "disk")]
    forms += [
        address.partition("/")[0].encode()
        for pair in pairs
        for address in (*pair.addresses, *pair.vf_addresses, *addresses)
    ]
    assert [form for form in forms if is_in(form, content)] == []
    assert new["verdict"] == plain["verdict"]
    assert statuses(new) == statuses(plain)


@settings(deadline=None, max_examples=20)
@given(machine=machines())
def test_redacting_again_changes_nothing(
    machine: tuple[tuple[Pair, ...], dict[str, str], list[str]],
) -> None:
    """A mask is no secret, and the same recording is always masked in the same way."""
    pairs, vm, addresses = machine
    with tempfile.TemporaryDirectory() as folder:
        path = write_machine(Path(folder) / "machine", pairs=pairs)
        write_identities(path, vm, addresses)
        recording = recorded(path)
    add_files(recording, vm, pairs[0], addresses)
    once = redacted(recording, host_name=vm["name"])
    assert redacted(recording, host_name=vm["name"]).entries() == once.entries()
    assert redacted(once, host_name=vm["name"]).entries() == once.entries()


# --- the judgement ----------------------------------------------------------------------------


def healthy(_: Path) -> None:
    """Both pairs are well."""


def with_the_same_ip(machine: Path) -> None:
    """DHCP ran on the VF as well: F8."""
    _add_address(machine, Pair().vf, Pair().addresses[0])


def with_a_link_local_address(machine: Path) -> None:
    """Normal: the kernel makes it of the MAC."""
    _add_address(machine, Pair().vf, "fe80::20d:3aff:fef5:76bd/64")
    _add_address(machine, SECOND.vf, "fe80::a1b2:c3d4:e5f6:1234/64")


def with_a_global_address(machine: Path) -> None:
    """Of IPv6, on a VF."""
    _add_address(machine, SECOND.vf, "2603:1020:201:10::4/128")


def with_a_failed_dhcp(machine: Path) -> None:
    """An IPv4 link-local address is one all the same."""
    _add_address(machine, Pair().vf, "169.254.17.3/16")


def with_another_mac(machine: Path) -> None:
    """The pair's MACs differ."""
    (machine / "root" / Pair().vf_folder / "address").write_text("00:0D:3A:F5:76:BE\n")


def unpaired(machine: Path) -> None:
    """The VF has the MAC and no master: F5."""
    (machine / "root" / Pair().folder / f"lower_{Pair().vf}").unlink()
    (machine / "root" / Pair().vf_folder / "master").unlink()
    (machine / "root" / Pair().vf_folder / f"upper_{Pair().name}").unlink()


def direct(machine: Path) -> None:
    """A VF whose MAC no synthetic NIC has."""
    unpaired(machine)
    shutil.rmtree(machine / "root" / Pair().folder)
    (machine / "root/sys/class/net/eth0").unlink()


def revoked(machine: Path) -> None:
    """The VF left, says the log, and did not come back."""
    shutil.rmtree(machine / "root" / Pair().function)
    (machine / "root/sys/class/net" / Pair().vf).unlink()
    (machine / "root/sys/bus/pci/devices" / Pair().pci_address).unlink()
    (machine / "root" / Pair().folder / f"lower_{Pair().vf}").unlink()
    with (machine / "kernel.log").open("a") as log:
        log.write(f"[86300.0] hv_netvsc {GUID} eth0: VF slot 1 removed\n")


def without_pci(machine: Path) -> None:
    """The pass-through device has no driver: F3."""
    revoked(machine)
    (machine / "root/sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00").joinpath(
        Pair().vf_guid, "driver"
    ).unlink()


def with_garbage(machine: Path) -> None:
    """Instance metadata that is none, and a log of any bytes."""
    (machine / "imds/instance.json").write_bytes(b"<html>")
    with (machine / "kernel.log").open("ab") as log:
        log.write(b"\xff\xfe PCI \x80\n")


def nested(machine: Path) -> None:
    """Instance metadata that goes deep, beside what counts."""
    path = machine / "imds/instance.json"
    document = json.loads(path.read_text())
    for _ in range(200):
        document["compute"]["deep"] = {"list": [document["compute"].get("deep", "secret-42")]}
    path.write_text(json.dumps(document))


def _add_address(machine: Path, interface: str, address: str) -> None:
    path = machine / "addresses.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps([*entries, {"interface": interface, "address": address}]))


MACHINES = [
    healthy,
    with_the_same_ip,
    with_a_link_local_address,
    with_a_global_address,
    with_a_failed_dhcp,
    with_another_mac,
    unpaired,
    direct,
    revoked,
    without_pci,
    with_garbage,
    nested,
]


@pytest.fixture(params=[pytest.param(edit, id=edit.__name__) for edit in MACHINES])
def reports(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report about a machine, and about its redacted bundle."""
    machine = write_machine(tmp_path / "machine", pairs=(Pair(), SECOND))
    request.param(machine)
    recording = recorded(machine)
    write(recording, str(tmp_path / "plain"))
    write(redacted(recording, host_name="web-frontend-7"), str(tmp_path / "new"))
    return judge_bundle(tmp_path / "plain"), judge_bundle(tmp_path / "new")


def test_the_judgement_is_the_same(reports: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Equal values stay equal and kinds of addresses stay, so every status stays."""
    plain, new = reports
    assert (new["verdict"], statuses(new)) == (plain["verdict"], statuses(plain))


def test_what_identifies_nobody_is_untouched(
    reports: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """Counters, ids, PCI addresses, versions and states are what they were."""
    plain, new = reports
    for report in reports:
        for nic in report["nics"]:
            nic["mac"], nic["addresses"] = len(nic["mac"]), len(nic["addresses"])
            if nic["vf"] is not None:
                nic["vf"]["addresses"] = len(nic["vf"]["addresses"])
    for part in ("observed_at", "host", "nics", "pci_functions"):
        assert new[part] == plain[part]


@pytest.mark.parametrize(
    "fixture",
    [
        pytest.param(path.parent, id=path.parent.name)
        for path in sorted((Path(__file__).parents[1] / "fixtures").glob("*/bundle.json"))
    ],
)
def test_a_machine_that_was_recorded_is_judged_alike(fixture: Path, tmp_path: Path) -> None:
    """The same for every recording that there is, and its MACs are gone."""
    recording = recorded(fixture)
    plain = judge_bundle(fixture)
    write(redacted(recording, host_name="testbed"), str(tmp_path / "new.tar.gz"))
    new = judge_bundle(tmp_path / "new.tar.gz")
    assert (new["verdict"], statuses(new)) == (plain["verdict"], statuses(plain))
    content = b"\n".join(content_of(tmp_path / "new.tar.gz"))
    for nic in plain["nics"]:
        assert [form for form in of_mac(nic["mac"]) if is_in(form, content)] == []


@pytest.mark.parametrize(
    "name",
    ["ubuntu", "eth0", "mlx5", "core", "net", "dev", "kernel", "azure", "x", "42", "localhost"],
)
def test_a_host_may_be_called_what_others_are(tmp_path: Path, name: str) -> None:
    """A name that is a driver's, an interface's or the distribution's spoils nothing."""
    machine = write_machine(tmp_path / "machine")
    recording = recorded(machine)
    recording.unreadable["dev/kmsg"] = "EPERM"
    new = redacted(recording, host_name=name)
    assert new.unreadable == recording.unreadable
    write(new, str(tmp_path / "new"))
    assert statuses(judge_bundle(tmp_path / "new")) == statuses(judge_bundle(machine))


def test_a_name_made_of_a_mac_is_masked_everywhere(tmp_path: Path) -> None:
    """Where udev names interfaces by their MAC, folders, links and replies are renamed alike."""
    name = "enx000d3af576bd"
    machine = write_machine(tmp_path / "machine", pairs=(Pair(name=name),))
    write(redacted(recorded(machine), host_name="web-frontend-7"), str(tmp_path / "new"))
    plain, new = judge_bundle(machine), judge_bundle(tmp_path / "new")
    assert new["nics"][0]["name"] == "enx00005e005301"
    assert list(statuses(new).values()) == list(statuses(plain).values())
    assert new["nics"][0]["counters"] == plain["nics"][0]["counters"]


def test_bundle_json_says_that_it_is_redacted(tmp_path: Path) -> None:
    """And the recording that it was made of is left as it was."""
    recording = recorded(write_machine(tmp_path / "machine"))
    before = recording.entries()
    assert redacted(recording, host_name="x").about["redacted"] is True
    assert recording.entries() == before
    assert recording.about["redacted"] is False


def test_the_instance_metadata_keeps_what_the_checks_need(tmp_path: Path) -> None:
    """Size, image, place and kind stay; names, ids and tags do not."""
    recording = recorded(write_machine(tmp_path / "machine"))
    old = json.loads(recording.parts["imds/instance.json"])["compute"]
    new = json.loads(redacted(recording, host_name="x").parts["imds/instance.json"])["compute"]
    assert {name for name in old if new[name] == old[name]} == {
        *("azEnvironment", "location", "offer", "osType", "provider"),
        *("publisher", "sku", "storageProfile", "version", "vmSize"),
    }
    assert new.keys() == old.keys()
    assert new["tagsList"][0]["value"] != new["tagsList"][0]["name"]


def test_binary_replies_keep_their_length(tmp_path: Path) -> None:
    """A buffer's fields lie where they lay, its numbers are untouched."""
    pair = Pair(guid="10.1.2.3", addresses=("10.1.2.3/24", "fd12:3456::9/64"))
    recording = recorded(write_machine(tmp_path / "machine", pairs=(pair,)))
    recording.parts["ethtool/0/ib0/permaddr.bin"] = permaddr(
        "00:00:10:48:fe:80:00:00:00:00:00:00:02:0d:3a:ff:fe:f5:76:bd"
    )
    recording.parts["ethtool/0/eth0/drvinfo.bin"] = b"\3\0\0\0fd12:3456::9\0web-frontend-7\0".ljust(
        196
    )
    new = redacted(recording, host_name="web-frontend-7").parts
    for key, reply in recording.parts.items():
        if key.endswith(".bin"):
            assert len(new[key]) == len(reply)
        if key.endswith(("stats.bin", "stats-strings.bin", "channels.bin")):
            assert new[key] == reply
    assert new["ethtool/0/ib0/permaddr.bin"].endswith(bytes.fromhex("02005efffe005301"))
    assert b"10.1.2.3" not in new["ethtool/1/eth0/drvinfo.bin"]
    assert b"web" not in new["ethtool/0/eth0/drvinfo.bin"]


@pytest.mark.parametrize(
    ("tag", "kept"),
    [
        pytest.param("7783-7084-3265-9085-8269-3286-77", True, id="azures"),
        pytest.param("", True, id="none"),
        pytest.param("CONTOSO-4711", False, id="a-companys"),
    ],
)
def test_an_asset_tag_is_masked_unless_it_is_azures(tmp_path: Path, tag: str, kept: bool) -> None:
    """It says whether this is Azure, and elsewhere whose the machine is."""
    machine = write_machine(tmp_path / "machine")
    (machine / "root/sys/class/dmi/id/chassis_asset_tag").write_text(f"{tag}\n")
    (machine / "imds/instance.json").unlink()
    recording = recorded(machine)
    new = redacted(recording, host_name="x")
    key = "sys/devices/virtual/dmi/id/chassis_asset_tag"
    assert (new.root.files[key] == recording.root.files[key]) == kept
    write(new, str(tmp_path / "new"))
    assert judge_bundle(tmp_path / "new")["verdict"] == judge_bundle(machine)["verdict"]


# --- one text ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mask() -> Callable[[str], str]:
    """Masks a text of a machine with one of each."""
    found = Identities()
    found.scan(f"{MAC} {GUID} f8615163-0000-1000-2000-6045bd12ab0f")
    for address in ("10.0.0.4", "10.0.0.5/24", "fe80::20d:3aff:fef5:76bd", "2603:1020::4"):
        found.add_address(address)
    found.add_guid(VM_ID)
    for word in ("web-1", "cafe", "münchen-1"):
        found.add_word(word, everywhere=True)
    masks = Masks(found, frozenset({"eth0"}))

    def masked(text: str) -> str:
        latin = text.encode().decode("latin-1")
        return masks.addresses(masks.ids(masks.words(latin))).encode("latin-1").decode()

    return masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("00:0d:3a:f5:76:bd", "00:00:5e:00:53:01", id="colons"),
        pytest.param("00-0D-3A-F5-76-BD", "00-00-5E-00-53-01", id="dashes"),
        pytest.param("000d.3af5.76bd", "0000.5e00.5301", id="dots"),
        pytest.param("000D3AF576BD", "00005E005301", id="bare"),
        pytest.param("a000d3af576bdb", "a00005e005301b", id="in-a-longer-number"),
        pytest.param(GUID, "00005e00-5301-0000-5e00-530100005e00", id="guid-of-old-hosts"),
        pytest.param(GUID[:31], "00005e00-5301-0000-5e00-5301000", id="cut-guid-of-old-hosts"),
        pytest.param(
            GUID.replace("-", ""), "00005e00530100005e00530100005e00", id="without-dashes"
        ),
        pytest.param(
            "{F8615163-0000-1000-2000-6045BD12AB0F}",
            "{F8615163-0000-1000-2000-00005E005302}",
            id="guid-of-newer-hosts",
        ),
        pytest.param(
            "f8615163-0000-1000-2000-6045bd1", "f8615163-0000-1000-2000-00005e0", id="cut-newer"
        ),
        pytest.param(
            "f8615163-0009-1000-2000-6045bd1", "f8615163-0009-1000-2000-00005e0", id="cut-unseen"
        ),
        pytest.param(
            "f53a0d00-bd76-0d00-3af5-76bd000d3af5",
            "005e0000-0153-0000-5e00-530100005e00",
            id="as-smbios-stores-it",
        ),
        pytest.param(VM_ID.upper(), "00000000-0000-4000-8000-000000000001", id="vm-id"),
        pytest.param(
            "a4b8aa02-ef74-6e47-8182-f6d2ba4166a6",
            "00000000-0000-0040-8000-000000000001",
            id="vm-id-swapped",
        ),
        pytest.param("fe80::20d:3aff:fef5:76bd%2", "fe80::200:5eff:fe00:5301%2", id="link-local"),
        pytest.param("fe80::20d:3aff:fef5:76bd: up", "fe80::200:5eff:fe00:5301: up", id="colon"),
        pytest.param(
            "fe80:0:0:0:020D:3AFF:FEF5:76BD/64", "fe80::200:5eff:fe00:5301/64", id="written-out"
        ),
        pytest.param(
            "fe80000000000000020d3afffef576bd", "fe8000000000000002005efffe005301", id="if_inet6"
        ),
        pytest.param("000d:3aff:fef5:76bd", "0000:5eff:fe00:5301", id="plain-eui-64"),
        pytest.param("2603:1020::4/128", "2001:db8::1/128", id="global"),
        pytest.param("ip=10.0.0.4:10.0.0.5", "ip=192.0.2.1:192.0.2.2", id="ipv4"),
        pytest.param("is 10.0.0.4.", "is 192.0.2.1.", id="end-of-a-sentence"),
        pytest.param("[WEB-1] web-1_x", "[masked-3] masked-3_x", id="name"),
        pytest.param("in München-1.", "in masked-2.", id="name-that-is-no-ascii"),
    ],
)
def test_a_form_of_an_identity_is_masked(
    mask: Callable[[str], str], text: str, masked: str
) -> None:
    """Signs and case stay as they are, so what reads the text reads the mask."""
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff",
        "0001:00:02.0 cf63:00:02.0 pci0001:00",
        "110.0.0.4 10.0.0.40 10.0.0.4.1 1.10.0.0.4",
        "127.0.0.1 ::1 :: 169.254.169.254 168.63.129.16 255.255.255.0",
        "6.8.0-1029-azure 6.6.144.1-1.azl3 3.10.0-693.el7.x86_64",
        "2026-01-02T03:04:05Z [86400.123456]",
        "pci:v000015B3d00001016sv000015B3sd00000080bc02sc00i00",
        "{f8615163-df3e-46c5-913f-f2d2f965ed0e} {44c4f61d-4444-4400-9d52-802e27ede19f}",
        "e9ac9b28-cf63-4cde-9d43-51be1a9f1fcc",
        "fe80::cafe:1 0xcafe:2 web-12 xweb-1",
        "eth0: Data path switched to VF: enP53091s1",
        "2749784180 000d3af576b",
    ],
)
def test_what_only_looks_like_an_identity_stays(mask: Callable[[str], str], text: str) -> None:
    """Versions, PCI addresses, times, ids of devices, other machines' constants."""
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("DHCP from 10.1.2.3 to 10.1.2.4.", {"10.1.2.3", "10.1.2.4"}, id="a-sentence"),
        pytest.param("ip=10.1.2.3::10.1.2.1:255.255.255.0", {"10.1.2.3", "10.1.2.1"}, id="cmdline"),
        pytest.param("addresses: [10.1.2.3/24]", {"10.1.2.3"}, id="netplan"),
        pytest.param("vmlinuz-6.6.144.1-1.azl3", set[str](), id="a-kernel"),
        pytest.param("version 5.8.1.1", set[str](), id="a-version"),
        pytest.param("firmware version: 14.25.81.2", set[str](), id="firmware"),
        pytest.param("OFED-4.6-1.0.1.1", set[str](), id="a-package"),
        pytest.param("127.0.0.1 0.0.0.0 169.254.169.254", set[str](), id="everyones"),
        pytest.param("from 2603:1020::7: denied", {"2603:1020::7"}, id="ipv6"),
        pytest.param("fd00::1 fe80::1 ::1 ff02::1", {"fd00::1"}, id="ipv6-of-everyone"),
        pytest.param("12:34:56 a::b 0001:00:02.0", set[str](), id="no-ipv6"),
    ],
)
def test_addresses_are_found_in_texts(text: str, found: set[str]) -> None:
    """Where they stand by themselves and are not said to be a version."""
    identities = Identities()
    identities.scan_addresses(text)
    assert {str(address) for address in identities.ipv4 | identities.ipv6} == found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"PCI root=UUID={VM_ID} ro", id="command-line"),
        pytest.param(f'PARTUUID="{VM_ID.upper()}"', id="quoted"),
        pytest.param(f"ID_FS_UUID={VM_ID.replace('-', '')}", id="without-dashes"),
    ],
)
def test_a_labelled_uuid_is_found(text: str) -> None:
    """Also in the kernel log, where other GUIDs are those of devices."""
    identities = Identities()
    identities.scan_addresses(text)
    assert identities.guids == {VM_ID.replace("-", "")}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("link/ether 00:0d:3a:f5:76:bd brd", {"000d3af576bd"}, id="ip-link"),
        pytest.param(
            "MAC=00:0d:3a:f5:76:bd:12:34:56:78:9a:bc:08:00",
            {"000d3af576bd", "123456789abc"},
            id="netfilter",
        ),
        pytest.param(
            "80:00:02:08:fe:80:00:00:00:00:00:00:02:0d:3a:ff:fe:f5:76:bd",
            {"000d3af576bd"},
            id="infiniband",
        ),
        pytest.param("enx000d3af576bd", {"000d3af576bd"}, id="in-a-name"),
        pytest.param(GUID, {"000d3af576bd"}, id="in-a-guid"),
        pytest.param("03:04:05 00:00:00:00:00:00 0000:00:02.0", set[str](), id="none"),
    ],
)
def test_macs_are_found_in_texts(text: str, found: set[str]) -> None:
    """By their shape, which nothing else has."""
    identities = Identities()
    identities.scan(text)
    assert identities.macs == found


def test_hundreds_of_addresses_have_masks_of_their_own() -> None:
    """Where the ranges for documentation end there are others, and masks sort as their values."""
    found = Identities()
    for number in range(1000):
        found.add_address(str(ipaddress.IPv4Address("10.0.0.0") + number))
        found.add_mac(f"6045bd{number:06x}")
    masks = Masks(found, ())
    macs = [masks.ids(f"6045bd{number:06x}") for number in range(1000)]
    addresses = [
        masks.addresses(str(ipaddress.IPv4Address("10.0.0.0") + number)) for number in range(1000)
    ]
    assert len(set(macs)) == len(set(addresses)) == 1000
    assert macs == sorted(macs)


def test_a_mask_that_is_in_use_is_not_given_away() -> None:
    """A machine whose real address lies in a range for documentation keeps its addresses apart."""
    found = Identities()
    for address in ("192.0.2.1", "10.0.0.4", "2001:db8::1", "fd00::4"):
        found.add_address(address)
    masks = Masks(found, ())
    text = masks.addresses(masks.ids("192.0.2.1 10.0.0.4 2001:db8::1 fd00::4"))
    assert text == "192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2"


def test_a_boot_loaders_password_is_masked(tmp_path: Path) -> None:
    """Hashed or not; what it boots stays."""
    machine = write_machine(tmp_path / "m")
    root = machine / "root"
    (root / "lib/modules/6.8.0-1029-azure/kernel").mkdir(parents=True)
    (root / "lib/modules/6.8.0-1029-azure/modules.dep").write_text("")
    (root / "boot/grub").mkdir(parents=True)
    (root / "boot/grub/grub.cfg").write_text(
        "  password_pbkdf2 root grub.pbkdf2.sha512.10000.ABCD\npassword root secret\n"
        "menuentry 'x' {\n linux /boot/vmlinuz-6.8.0-1029-azure\n}\n"
    )
    new = redacted(recorded(machine), host_name="web-frontend-7")
    assert new.root.files["boot/grub/grub.cfg"] == (
        b"  password_pbkdf2 masked\npassword masked\n"
        b"menuentry 'x' {\n linux /boot/vmlinuz-6.8.0-1029-azure\n}\n"
    )


@pytest.mark.parametrize(
    ("value", "kept"),
    [pytest.param("On", True, id="known"), pytest.param("contoso-prod-7", False, id="unknown")],
)
def test_the_tag_that_decides_the_verdict_stays(tmp_path: Path, value: str, kept: bool) -> None:
    """Where its value is one that names nobody; the others' names and values go."""
    machine = write_machine(tmp_path / "machine")
    path = machine / "imds/instance.json"
    document = json.loads(path.read_text())
    tags = [{"name": "accelnet-expect", "value": value}, {"name": "owner", "value": "bob-1234"}]
    document["compute"]["tagsList"] = tags
    path.write_text(json.dumps(document))
    write(redacted(recorded(machine), host_name="x"), str(tmp_path / "new"))
    new = (tmp_path / "new/imds/instance.json").read_text()
    assert ("accelnet-expect" in new, value in new) == (True, kept)
    assert "bob" not in new
    assert "owner" not in new
    assert statuses(judge_bundle(tmp_path / "new")) == statuses(judge_bundle(machine))
