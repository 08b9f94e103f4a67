"""network_setup: who manages the interfaces, and what is configured about it."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes import name_rules, network_setup
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.snapshot import Gap, LinkOwner, NameRule, NetworkSetup

MAC = "00:0d:3a:11:22:33"
INTERFACES: dict[str, int | None] = {"eth0": 2, "enP53091s1": 3, "unseen": None}

# microsoft: Azure/azure-vm-utils, udev/10-azure-unmanaged-sriov.rules
AZURE_RULE = (
    '# Mark these\nSUBSYSTEM=="net", ACTION!="remove", DRIVERS=="mana|mlx4_core|mlx5_core", '
    'ATTR{flags}=="0x?[89ABCDEF]??", ENV{AZURE_UNMANAGED_SRIOV}="1", '
    'ENV{ID_NET_MANAGED_BY}="unmanaged", ENV{NM_UNMANAGED}="1"\n'
)
AZURE = "usr/lib/udev/rules.d/10-azure-unmanaged-sriov.rules"
ALL = "NM_UNMANAGED AZURE_UNMANAGED_SRIOV ID_NET_MANAGED_BY"
NETWORK = "usr/lib/systemd/network/01-azure-unmanaged-sriov.network"
OLD_RULE = 'SUBSYSTEM=="net", DRIVERS=="hv_pci", ACTION=="add", ENV{NM_UNMANAGED}="1"\n'
DPKG = (
    b"Package: base-files\nStatus: install ok installed\nVersion: 12\n\n"
    b"Package: azure-vm-utils\nStatus: install ok installed\nPriority: optional\n"
    b"Description: x\n y\nVersion: 0.6.0-1\n\n"
    b"Package: cloud-init\nStatus: deinstall ok config-files\nVersion: 22.1\n\n"
    b"Package: systemd\nStatus: install ok installed\nVersion: 255.4-1ubuntu8\n"
)
FILES = {
    "run/udev/data/n3": "I:123\nE:ID_NET_NAME=enP53091s1\nE:NM_UNMANAGED=1\nG:systemd\nE:cut-off\n",
    "run/systemd/netif/links/3": "# This is private data.\nADMIN_STATE=unmanaged\n",
    "run/systemd/netif/links/2": "ADMIN_STATE=configured\nNETWORK_FILE=/run/x.network\n",
    "run/NetworkManager/devices/3": "[device]\nmanaged=false\n",
    AZURE: AZURE_RULE,
    "usr/lib/udev/rules.d/60-cdrom_id.rules": 'ENV{NM_UNMANAGED}="1"\n',
    "etc/udev/rules.d/68-sriov.rules": OLD_RULE,
    "etc/NetworkManager/conf.d/99-vf.conf": "[keyfile]\nunmanaged-devices=driver:mlx5_core\n",
    "usr/lib/systemd/network/01-azure-unmanaged-sriov.network": (
        "[Match]\nProperty=AZURE_UNMANAGED_SRIOV=1\n[Link]\nUnmanaged=yes\n"
    ),
    "etc/systemd/network/20-wired.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n",
}


def _tree(files: dict[str, str] | None = None, refused: tuple[str, ...] = ()) -> Tree:
    store = MemoryStore()
    for path, content in (FILES if files is None else files).items():
        store.add_file(path, content.encode())
    store.add_file("var/lib/dpkg/status", DPKG)
    return Tree(store, dict.fromkeys(refused, errno.EACCES))


def test_the_setup_as_a_whole() -> None:
    """What happened to each interface, what is configured, and which packages are there."""
    assert network_setup.probe(_tree(), INTERFACES) == NetworkSetup(
        links={
            "eth0": LinkOwner(
                udev=None,
                network_manager=None,
                networkd="configured",
                network_file="/run/x.network",
            ),
            "enP53091s1": LinkOwner(
                udev={"NM_UNMANAGED": "1"}, network_manager="false", networkd="unmanaged"
            ),
        },
        network_manager=True,
        networkd=True,
        unmanaged=(
            "/etc/udev/rules.d/68-sriov.rules: NM_UNMANAGED (hv_pci)",
            f"/{AZURE}: {ALL} (mana|mlx4_core|mlx5_core)",
            "/etc/NetworkManager/conf.d/99-vf.conf: unmanaged-devices=driver:mlx5_core",
            f"/{NETWORK}: Unmanaged for Property=AZURE_UNMANAGED_SRIOV=1",
        ),
        name_rules=(),
        name_generator=None,
        packages={"azure-vm-utils": "0.6.0-1", "systemd": "255.4-1ubuntu8"},
    )


def test_nothing_at_all() -> None:
    """A container, or an old bundle: neither a manager nor a rule."""
    setup = network_setup.probe(Tree(MemoryStore()), INTERFACES)
    assert (setup.network_manager, setup.networkd, setup.unmanaged) == (False, False, ())
    assert setup.links["eth0"] == LinkOwner(udev=None, network_manager=None, networkd=None)
    assert setup.packages == {}


def test_what_is_refused_is_a_gap() -> None:
    """Not "unmanaged", nor "no rule"."""
    setup = network_setup.probe(
        _tree(
            refused=(
                "run/udev/data/n3",
                "run/systemd/netif/links/3",
                "run/NetworkManager/devices/3",
                "etc/udev/rules.d/68-sriov.rules",
            )
        ),
        INTERFACES,
    )
    assert setup.links["enP53091s1"] == LinkOwner(
        udev=Gap(asked=True, why="/run/udev/data/n3: EACCES"),
        network_manager=Gap(asked=True, why="/run/NetworkManager/devices/3: EACCES"),
        networkd=Gap(asked=True, why="/run/systemd/netif/links/3: EACCES"),
    )
    # The file both names interfaces and tells who manages them.
    assert set(setup.refused) == {"/etc/udev/rules.d/68-sriov.rules: EACCES"}


def test_a_file_in_etc_replaces_one_of_its_name() -> None:
    """An empty one, or /dev/null, masks it."""
    path = "10-azure-unmanaged-sriov.rules"
    setup = network_setup.probe(
        _tree({f"usr/lib/udev/rules.d/{path}": AZURE_RULE, f"etc/udev/rules.d/{path}": ""}), {}
    )
    assert setup.unmanaged == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param('# ENV{NM_UNMANAGED}="1"\n', "", id="comment"),
        pytest.param('ENV{NM_UNMANAGED}=="1", NAME="x"\n', "", id="a-condition"),
        pytest.param('ENV{NM_UNMANAGED}="1"\n', "NM_UNMANAGED (any driver)", id="any-driver"),
        pytest.param(
            'DRIVERS=="mana", \\\nENV{NM_UNMANAGED}="1"\n', "NM_UNMANAGED (mana)", id="continued"
        ),
    ],
)
def test_rules(text: str, what: str) -> None:
    """Which properties are set, and for which drivers."""
    assert network_setup.parse_rules(text) == what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param(
            "[device-vf]\nmatch-device=driver:mana\nmanaged=0\n",
            "managed=0 for driver:mana",
            id="device",
        ),
        pytest.param("[device]\nmanaged=no\n", "managed=0 for any device", id="any"),
        pytest.param("[main]\nplugins=keyfile\n", "", id="other"),
    ],
)
def test_networkmanager(text: str, what: str) -> None:
    """Both ways to tell it."""
    assert network_setup.parse_nm(text) == what


def test_only_what_is_installed_counts() -> None:
    """A package that was removed leaves its stanza; the first one has no line before it."""
    assert network_setup.parse_packages(
        b"Package: systemd\nStatus: x ok installed\nVersion: 1\n"
    ) == {"systemd": "1"}
    assert network_setup.parse_packages(DPKG.replace(b"Version: 255.4-1ubuntu8\n", b"")) == {
        "azure-vm-utils": "0.6.0-1"
    }
    assert network_setup.parse_packages(network_setup.stanzas(DPKG)) == (
        network_setup.parse_packages(DPKG)
    )


UDEV_RULE = (
    f'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{{address}}=="{MAC}", '
    'ATTR{type}=="1", NAME="eth0"\n'
)


@pytest.mark.parametrize(
    ("path", "text", "rules"),
    [
        pytest.param(
            "etc/udev/rules.d/70-persistent-net.rules",
            UDEV_RULE,
            [(MAC, "eth0", None)],
            id="persistent-net",
        ),
        pytest.param(
            "etc/udev/rules.d/70-persistent-net.rules",
            UDEV_RULE.replace("?*", "hv_netvsc"),
            [(MAC, "eth0", "hv_netvsc")],
            id="persistent-net-by-driver",
        ),
        pytest.param(
            "etc/udev/rules.d/70-x.rules", "#" + UDEV_RULE + 'NAME="x"\n', [], id="comment"
        ),
        pytest.param(
            "run/systemd/network/10-netplan-eth0.link",
            f"[Match]\nPermanentMACAddress={MAC.upper()}\n[Link]\nName=eth0\n",
            [(MAC, "eth0", None)],
            id="link",
        ),
        pytest.param(
            "etc/systemd/network/10-eth0.link",
            f"[Match]\nDriver=hv_netvsc\nMACAddress={MAC}\n[Link]\nName=eth0\n",
            [(MAC, "eth0", "hv_netvsc")],
            id="link-by-driver",
        ),
        pytest.param(
            "etc/systemd/network/10-eth0.link",
            f"[Match]\nMACAddress={MAC}\n[Link]\nMTUBytes=1400\n",
            [],
            id="link-without-a-name",
        ),
        pytest.param(
            "etc/sysconfig/network-scripts/ifcfg-eth0",
            f'DEVICE=eth0\nHWADDR="{MAC.upper()}"\n',
            [(MAC, "eth0", None)],
            id="ifcfg",
        ),
        pytest.param(
            "etc/sysconfig/network-scripts/ifcfg-eth1",
            f"HWADDR={MAC}\n",
            [(MAC, "eth1", None)],
            id="ifcfg-without-a-device",
        ),
        pytest.param(
            "etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\n", [], id="ifcfg-by-name"
        ),
        pytest.param(
            "etc/netplan/50-cloud-init.yaml",
            "network:\n  ethernets:\n    eth0:\n      match:\n"
            f'        driver: hv_netvsc\n        macaddress: "{MAC}"\n      set-name: eth0\n',
            [(MAC, None, "hv_netvsc")],
            id="netplan-as-cloud-init-writes-it",
        ),
        pytest.param(
            "etc/netplan/01.yaml",
            f"eth0:\n  match:\n    macaddress: {MAC}  # ours\n\n  driver: x\n",
            [(MAC, None, None)],
            id="netplan-by-mac-alone",
        ),
        pytest.param(
            "etc/netplan/01.yaml",
            f"eth0:\n  match: {{name: eth*}}\n  macaddress: {MAC}\n",
            [],
            id="netplan-that-sets-the-mac",
        ),
        pytest.param(
            "etc/netplan/01.yaml", "eth0:\n  match:\n    - what\n", [], id="netplan-a-list"
        ),
    ],
)
def test_what_names_interfaces_by_mac(
    path: str, text: str, rules: list[tuple[str, str | None, str | None]]
) -> None:
    """With or without the driver, which tells a NIC from its VF."""
    found, _, _ = name_rules.probe(_tree({path: text}))
    assert list(found) == [
        NameRule(file=f"/{path}", mac=mac, name=name, driver=driver) for mac, name, driver in rules
    ]


def test_netplan_in_braces() -> None:
    """YAML's other form."""
    text = f"eth0: \n  match: {{macaddress: '{MAC}', driver: hv_netvsc}}\n"
    [rule] = name_rules.parse_netplan("x", text.replace(":0d", ":0d"))
    assert rule.driver == "hv_netvsc"


def test_a_refused_netplan_is_named() -> None:
    """It is root's alone."""
    files = _tree(
        {"etc/netplan/50-cloud-init.yaml": ""}, refused=("etc/netplan/50-cloud-init.yaml",)
    )
    _, _, refused = name_rules.probe(files)
    assert refused == ("/etc/netplan/50-cloud-init.yaml: EACCES",)


def test_the_generator() -> None:
    """Active unless a link to /dev/null, or an empty file, stands before it."""
    path = f"lib/udev/rules.d/{name_rules.GENERATOR}"
    store = MemoryStore()
    store.add_file(path, b"ACTION\n")
    assert name_rules.probe(Tree(store))[1] == f"/{path}"
    store.add_link(f"etc/udev/rules.d/{name_rules.GENERATOR}", "/dev/null")
    assert name_rules.probe(Tree(store))[1] is None
    assert name_rules.probe(_tree({path: ""}))[1] is None


@given(st.text(f"match:{{}} \n#\"'macaddress,driver=-{MAC}", max_size=200))
def test_garbage_raises_nothing(text: str) -> None:
    """Files that anyone may have written."""
    for parse in (name_rules.parse_udev, name_rules.parse_link, name_rules.parse_ifcfg):
        list(parse("x", text))
    list(name_rules.parse_netplan("x", text))
    network_setup.parse_rules(text)
    network_setup.parse_nm(text)
    network_setup.parse_network(text)


_LINES = st.builds(
    lambda indent, text: " " * indent + text,
    st.integers(0, 4),
    st.sampled_from(
        [
            *(
                "match:",
                "match: {macaddress: aa, driver: hv}",
                "macaddress: bb",
                "driver: hv_netvsc",
            ),
            *("eth0:", "password: 'x'", "", "# match:", "match: # here", "key", "- driver: a"),
            *("HWADDR=aa", "DEVICE=eth0", "#HWADDR=cc", "WPA_PSK=x", "HWADDR="),
        ]
    ),
)


@given(st.lists(_LINES, max_size=12).map("\n".join))
def test_what_is_recorded_of_names_says_the_same(text: str) -> None:
    """Whatever else stands in the file."""
    for key, parse in (
        ("etc/netplan/a.yaml", name_rules.parse_netplan),
        ("etc/sysconfig/network-scripts/ifcfg-a", name_rules.parse_ifcfg),
    ):
        kept = name_rules.excerpt_of_names(key, text.encode()).decode()
        assert list(parse(key, kept)) == list(parse(key, text))
        assert "x" not in kept.replace("a.yaml", "")
