"""The man page of accelnet-check."""

from __future__ import annotations

from accelnet_agent.arguments import OPERANDS, OPTIONS, SOURCES
from accelnet_agent.checks import CHECKS
from accelnet_agent.manual import Command, Example, Section

CHECK = Command(
    name="accelnet-check",
    section=1,
    summary="verify that Azure Accelerated Networking works on this VM",
    changed="2026-11-26",
    description=(
        (
            "A VM with Accelerated Networking sends its packets through an SR-IOV virtual function "
            "(VF), which is paired under the synthetic NIC that hv_netvsc drives. Where something "
            "in the guest breaks the pairing, the VM goes on at a fraction of the speed, and the "
            "portal still says that all is well."
        ),
        (
            "accelnet-check says for each NIC whether its traffic really goes by the VF, on what "
            "evidence, and what to type next. It judges the running machine, the file tree of an "
            "image (--root) or a recorded bundle (--bundle). It only ever reads (but for "
            "--active-proof), needs no privilege, runs no other program, and says so where it "
            "could not see."
        ),
        (
            "Whether Accelerated Networking is enabled on a NIC can not be seen from inside a VM: "
            "--expect states it, or the VM's tag accelnet-expect (on, off or auto), which is read "
            "from the instance metadata."
        ),
    ),
    options=OPTIONS,
    values={
        "--root": "directory",
        "--bundle": "file",
        "--record": "file",
        "--output": "file",
        "--known-issues": "file",
        "--interface": "interface",
        "--only": "check",
        "--skip": "check",
        "--explain": "check",
        "--files0-from": "file",
    },
    details={
        "--root": "Nothing live is asked: checks that need it are skipped. An image without sys/ "
        "is judged by its release and its kernel.",
        "--bundle": "A folder, or the same as .tar.gz. Nothing of this machine is touched.",
        "--record": "A folder, or an archive if the name ends in .tar.gz. It must not be there "
        "yet.",
        "--redact": "The masked bundle gives the same verdict.",
        "--format": "CI systems read junit, harnesses of the Test Anything Protocol tap, monitors "
        "nagios (one line with performance data), the textfile collector of node_exporter "
        "prometheus. All of them tell the same report.",
        "--output": "The file is replaced as a whole, so that no reader sees half of it.",
        "--expect": "With on, a NIC without a VF fails; with off, one with a VF is a warning; with "
        "auto, one without a VF is a warning, unless the VM is known to support none. On or off "
        "outranks the VM's tag.",
        "--interface": "Its name is that of the synthetic NIC, such as eth0.",
        "--wait": "For provisioning, where a VF takes a while to come. The last report is printed.",
        "--window": "The counters must grow in it for traffic to prove the path.",
        "--active-proof": "Eight datagrams to ff02::114, or to 224.0.0.254 where IPv6 will not do: "
        "groups of experiments, port 9, which no router passes on and nobody answers. An idle VF "
        "then passes only by proof.",
        "--known-issues": "Each entry names a source, a symptom, the kernels and the fixed one; "
        "docs/runbooks/kernel-known-issue.md says how.",
        "--imds-endpoint": "With off, none is asked.",
        "--summarize": "See THE REPORTS OF A FLEET below.",
        "--files0-from": "As find -print0 writes them: there may be more than a command line "
        "takes.",
        "--by": "The text then has the tables that are named, whole, and the JSON these groups "
        "alone. Check counts what each check says on how many VMs; vm lists those that do not "
        "pass, worst first.",
        "--stale-after": "The clock of this machine has no say in it, so the same reports always "
        "say the same.",
    },
    operands=OPERANDS,
    operands_with="--summarize",
    exclusive=tuple(f"--{name}" for name in SOURCES),
    sections=(
        Section(
            title="CHECKS",
            paragraphs=("What each means, why it matters and how to repair it: --explain CHECK.",),
            terms=tuple((check.id, f"{check.title} ({check.level}).") for check in CHECKS),
        ),
        Section(
            title="THE REPORTS OF A FLEET",
            paragraphs=(
                (
                    "With --summarize each REPORT is a file that --format json wrote, a folder of "
                    "such files and folders, a recorded bundle (a folder, .tar.gz or .tgz), which "
                    "is judged, or - for standard input. In folders the files are read whose names "
                    "end in .json, .jsonl or .ndjson, or in these and .gz. A stream (.jsonl, "
                    '.ndjson or standard input) holds reports, or lines such as {"name": '
                    '"web1", "report": {...}}, one after the other.'
                ),
                (
                    "A report has no host name: a VM is called by its file. Where all files are "
                    "called alike, it is called by its folder. A running VM is known by the MAC of "
                    "its first NIC, and of several reports of it the newest counts."
                ),
                (
                    "What can not be read is listed and counted, and costs no other. The remedies "
                    "shown are the words of the reports: run none that you would not run unasked."
                ),
                "Of the other options only --format (text or json) and --output go with it.",
            ),
        ),
        Section(
            title="EXIT STATUS",
            paragraphs=(
                (
                    "The verdict, the same in every format. That of a fleet is the worst of its "
                    "VMs; a report that could not be read is unknown, one that is old is a warning."
                ),
            ),
            terms=(
                ("0", "pass (also of --list-checks, --explain, --version and --help)"),
                ("1", "warn"),
                ("2", "fail: a required check failed"),
                ("3", "unknown: a required check could not be made, or there is nothing to judge"),
                ("64", "unusable arguments or input; one line on standard error says why"),
                ("130", "interrupted"),
            ),
        ),
        Section(
            title="ENVIRONMENT",
            terms=(("NO_COLOR", "If it is set, text on a terminal has no colour."),),
        ),
    ),
    examples=(
        Example(purpose="After provisioning, as any user:", command="accelnet-check"),
        Example(
            purpose="In a pipeline: fail unless a VF comes within five minutes.",
            command="accelnet-check --expect on --wait 300 --format junit --output accelnet.xml",
        ),
        Example(
            purpose="For the textfile collector of node_exporter, from a timer:",
            command="accelnet-check --format prometheus "
            "--output /var/lib/prometheus/node-exporter/accelnet.prom",
        ),
        Example(
            purpose="What a customer sends, and what support reads:",
            command="accelnet-check --record vm.tar.gz --redact\naccelnet-check --bundle vm.tar.gz",
        ),
        Example(
            purpose="What the reports of a fleet say together:",
            command="accelnet-check --summarize reports/\n"
            "find . -name '*.json' -print0 | accelnet-check --summarize --files0-from -",
        ),
    ),
    see_also=("accelnet-agent(8)", "ethtool(8)", "ip(8)", "prove(1)"),
)
