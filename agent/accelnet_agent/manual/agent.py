"""The man page of accelnet-agent."""

from __future__ import annotations

from accelnet_agent.daemon_arguments import OPTIONS, SETTINGS, variable_of
from accelnet_agent.manual import Command, Example, Section

AGENT = Command(
    name="accelnet-agent",
    section=8,
    summary="watch whether Azure Accelerated Networking works on this VM",
    changed="2026-11-25",
    description=(
        (
            "accelnet-agent is a Prometheus exporter, a health endpoint and a page for people. It "
            "judges as accelnet-check does, whenever something happens to a NIC or its virtual "
            "function (VF), and whenever it is asked; and it keeps what only time shows: VFs that "
            "left and came back, switches of the data path, seconds on the synthetic path."
        ),
        (
            "It only ever reads, needs no privilege, and runs no other program. It begins as "
            "unknown. A part that fails leaves the rest served."
        ),
    ),
    options=OPTIONS,
    values={
        "--web.config.file": "file",
        "--path.rootfs": "directory",
        "--state-directory": "directory",
    },
    details={
        "--web.listen-address": "An IPv6 address stands in brackets.",
        "--expect": "Auto leaves it to the VM's tag accelnet-expect; on or off outranks it.",
        "--vf-grace": "The host takes VFs away for a while when it is serviced.",
        "--scheduled-events": "So it is off by default.",
    },
    sections=(
        Section(
            title="PATHS",
            terms=(
                ("/metrics", "The metrics; OpenMetrics where asked for."),
                (
                    "/healthz",
                    (
                        "The verdict for load balancers and monitors: 200 for pass and warn, 503 "
                        "for fail, and for unknown unless --health.unknown says otherwise. The "
                        "body is JSON: the verdict, and the findings that are not pass."
                    ),
                ),
                (
                    "/application-health",
                    (
                        "The same for the Application Health extension of a scale set, with rich "
                        "health states: 200 Healthy for pass and warn, 200 Unhealthy for fail, 503 "
                        "for unknown, of which the extension makes Unknown. A scale set with "
                        "automatic repairs repairs Unknown too: --health.unknown healthy keeps it "
                        "from that."
                    ),
                ),
                ("/livez", "200 while the agent itself works, whatever the verdict."),
                ("/report", "The report of accelnet-check --format json."),
                ("/", "A page for people."),
            ),
        ),
        Section(
            title="EXIT STATUS",
            terms=(
                ("0", "ended by SIGTERM or SIGINT (also of --version and --help)"),
                ("64", "unusable arguments or configuration; one line on standard error says why"),
            ),
        ),
        Section(
            title="ENVIRONMENT",
            paragraphs=(
                (
                    "Each option has a variable, which counts where the option is not given. A "
                    "switch is true or false; a repeatable one takes a list with commas or spaces."
                ),
            ),
            terms=tuple((variable_of(option), f"As {option.flag}.") for option in SETTINGS),
        ),
    ),
    examples=(
        Example(
            purpose="On an address of the VM, with TLS and passwords:",
            command="accelnet-agent --web.listen-address 10.0.0.4:9975 "
            "--web.config.file /etc/accelnet/web.yml",
        ),
    ),
    see_also=("accelnet-check(1)", "prometheus-node-exporter(1)", "systemd(1)"),
)
