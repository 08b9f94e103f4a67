"""Network managers leave the VF alone, and do not leave a direct NIC alone.

NetworkManager or networkd that takes a VF for an interface of its own gives it
an address, or sets it down.  A udev rule (azure-vm-utils 0.6.0) marks VFs; but
what counts is what really happened: in the initramfs NetworkManager may have
had the VF before the rule was there, and the rule asks for IFF_SLAVE, which
old kernels set late.
"""

from __future__ import annotations

from accelnet_agent.commands import do, quoted
from accelnet_agent.findings import Check, passed, skipped, warned
from accelnet_probes.snapshot import Gap, known, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.findings import Json, Judgement
    from accelnet_agent.machine import Machine, Nic
    from accelnet_probes.snapshot import LinkOwner, Netdev, NetworkSetup

NM, NETWORKD = "NetworkManager", "networkd"
MANAGED_STATES = ("configuring", "configured", "failed")  # networkd-link.c, link_state_table
RULE = "/usr/lib/udev/rules.d/10-azure-unmanaged-sriov.rules"
INSTALL = do(
    "Install azure-vm-utils 0.6.0 or later, whose udev rule leaves VFs unmanaged, and reboot; "
    "or write that rule into /etc/udev/rules.d. See whether it is there:",
    f"ls -l {RULE} /etc/udev/rules.d",
)


def judge(machine: Machine, nic: Nic) -> Judgement:
    setup = need(machine.snapshot.network_setup)
    target = nic.netdev if nic.direct else need(nic.vf)
    if target is None:
        return skipped(f"no VF is paired with {nic.name}")
    owner = setup.links.get(target.name)
    if owner is None or not _anything_seen(setup, owner):
        return skipped("neither udev's database nor a network manager's state is to be seen")
    evidence = _evidence(setup, target, owner)
    claims = _claims(owner)
    if nic.direct:
        return _judge_direct(setup, nic, owner, claims, evidence)
    managers = [who for who, managed in claims.items() if managed]
    if managers:
        return _managed(target, owner, managers[0], evidence)
    for fact in (owner.network_manager, owner.networkd, owner.udev):
        need(fact)
    both = _two_managers(setup, nic)
    if both is not None:
        return both
    if _is_marked(setup, setup.links.get(nic.name)):
        return warned(
            f"{nic.name} itself is marked as unmanaged, as only its VF should be",
            remedy=do("Find the rule that marks it:", "grep -rn UNMANAGED /etc/udev/rules.d"),
            **evidence,
        )
    if setup.network_manager and NM not in claims and not _is_marked(setup, owner):
        return warned(
            f"nothing keeps NetworkManager from taking {target.name}", remedy=INSTALL, **evidence
        )
    return passed(f"network managers leave {target.name} alone", **evidence)


def _anything_seen(setup: NetworkSetup, owner: LinkOwner) -> bool:
    facts = (owner.udev, owner.network_manager, owner.networkd)
    return setup.network_manager or setup.networkd or any(fact is not None for fact in facts)


def _claims(owner: LinkOwner) -> dict[str, bool]:
    """Who says that the interface is theirs, or that it is not."""
    claims: dict[str, bool] = {}
    managed = known(owner.network_manager)
    if managed in ("true", "false"):
        claims[NM] = managed == "true"
    state = known(owner.networkd)
    if state == "unmanaged" or state in MANAGED_STATES:
        claims[NETWORKD] = state in MANAGED_STATES
    return claims


def _evidence(setup: NetworkSetup, target: Netdev, owner: LinkOwner) -> dict[str, Json]:
    evidence: dict[str, Json] = {"interface": target.name}
    for name, fact in (("networkmanager", owner.network_manager), ("networkd", owner.networkd)):
        if fact is not None:
            evidence[name] = fact.why if isinstance(fact, Gap) else fact
    if isinstance(owner.udev, Gap):
        evidence["udev"] = owner.udev.why
    elif owner.udev is not None:
        marks = " ".join(f"{name}={value}" for name, value in sorted(owner.udev.items()))
        evidence["udev"] = marks or "no mark"
    if owner.network_file:
        evidence["network_file"] = owner.network_file
    if setup.unmanaged:
        evidence["configured"] = list(setup.unmanaged)
    if setup.packages:
        evidence["packages"] = dict(setup.packages)
    return evidence


def _managed(
    target: Netdev, owner: LinkOwner, manager: str, evidence: dict[str, Json]
) -> Judgement:
    marks = known(owner.udev) or {}
    name = quoted(target.name)
    if manager == NM:
        late = marks.get("NM_UNMANAGED") == "1"
        why = ", though udev's rule forbids it: it had it before (initramfs)" if late else ""
        return warned(
            f"NetworkManager manages {target.name}{why}",
            remedy=do("For now:", f"sudo nmcli device set {name} managed no") + "\n" + INSTALL,
            **evidence,
        )
    late = marks.get("ID_NET_MANAGED_BY") == "unmanaged" or "AZURE_UNMANAGED_SRIOV" in marks
    return warned(
        f"networkd manages {target.name}"
        + (", though udev's rule forbids it (systemd issue 36997)" if late else "")
        + (f", by {owner.network_file}" if owner.network_file else ""),
        remedy=do(
            "systemd 257.7 or later has it right; for now:",
            "sudo systemctl restart systemd-networkd",
        )
        if late
        else do(
            "Let the file that matches it ask for Driver=hv_netvsc (netplan: match: driver), then:",
            "sudo networkctl reload",
        )
        + "\n"
        + INSTALL,
        **evidence,
    )


def _two_managers(setup: NetworkSetup, nic: Nic) -> Judgement | None:
    owner = setup.links.get(nic.name)
    claims = _claims(owner) if owner is not None else {}
    if not (claims.get(NM) and claims.get(NETWORKD)):
        return None
    return warned(
        f"NetworkManager and networkd both manage {nic.name}",
        remedy=do(
            "Let only one of them start, whichever has its configuration:",
            "sudo systemctl disable --now systemd-networkd",
        ),
    )


def _is_marked(setup: NetworkSetup, owner: LinkOwner | None) -> bool:
    """Udev tells a manager that is here to leave the interface alone."""
    marks = (known(owner.udev) if owner is not None else None) or {}
    return (setup.network_manager and marks.get("NM_UNMANAGED") == "1") or (
        setup.networkd
        and (marks.get("ID_NET_MANAGED_BY") == "unmanaged" or "AZURE_UNMANAGED_SRIOV" in marks)
    )


def _judge_direct(
    setup: NetworkSetup,
    nic: Nic,
    owner: LinkOwner,
    claims: dict[str, bool],
    evidence: dict[str, Json],
) -> Judgement:
    """It is the only interface of its NIC: somebody has to configure it."""
    if any(claims.values()):
        return passed(f"{nic.name} is managed, as a direct NIC must be", **evidence)
    for fact in (owner.network_manager, owner.networkd, owner.udev):
        need(fact)
    if _is_marked(setup, owner) or claims:
        return warned(
            f"{nic.name} is a direct NIC and is left unmanaged: nobody configures it",
            remedy=do(
                "Find the rule that marks it, and let it ask for the bit of a slave in flags:",
                "grep -rn UNMANAGED /etc/udev/rules.d /usr/lib/udev/rules.d",
            ),
            **evidence,
        )
    return passed(f"nothing keeps {nic.name} from being managed", **evidence)


CHECK = Check(
    id="vf-unmanaged",
    title="Network managers leave the VF alone",
    level="recommended",
    judge_nic=judge,
)
