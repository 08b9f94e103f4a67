"""What stands around the panels: choices at the top, links between dashboards, rows.

Each choice but those of the data source and of the VM may be "All", which matches a label that
is not there as well as any value of it: not every scrape gives its targets a `region`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from parts import DATASOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models import dashboard

    Row = tuple[str, Sequence[Builder[dashboard.Panel]]]

FLEET, VM, ROLLOUT = "accelnet-fleet", "accelnet-vm", "accelnet-rollout"
TAG: Final = "accelnet"
RUNBOOKS: Final = "https://runbooks.example/docs/runbooks"
JOB: Final = "The scrape job."
REGION: Final = "The target's label `region`, where its scrape configuration gives it one."
# That of Grafana 10.4.  A later one brings a dashboard up to its own; one that is asked to take
# a schema newer than it knows may refuse it.
SCHEMA: Final = 39


def data_source() -> build.DatasourceVariable:
    """Which Prometheus, or what answers like one."""
    found = build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return found.description("Prometheus, or what answers like it: Thanos, Mimir, Azure Monitor.")


def choice(name: str, label: str, values: str, answers: str) -> build.QueryVariable:
    """One or several values of a label, or all."""
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    found = _choice(name, label, values, answers).include_all(include_all=True)
    return found.all_value(".*").current(everything)


def choice_of_vms(name: str, label: str, values: str, answers: str) -> build.QueryVariable:
    """One VM or several.  Not all: panels of raw series would be asked for each of 10,000."""
    return _choice(name, label, values, answers).include_all(include_all=False)


def _choice(name: str, label: str, values: str, answers: str) -> build.QueryVariable:
    found = build.QueryVariable(name).label(label).description(answers).datasource(DATASOURCE)
    found.query(values).multi(multi=True)
    return found.sort(VariableSort.NATURAL_ASC).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)


def choices_of_fleet() -> list[Builder[dashboard.VariableModel]]:
    """Of dashboards that go by recording rules."""
    vms, job = "fleet:accelnet_verdict:count", 'job=~"$job"'
    sizes = f'label_values({vms}{{{job},region=~"$region"}}, vm_size)'
    size = "As the instance metadata says, or the target's label."
    return [
        data_source(),
        choice("job", "Job", f"label_values({vms}, job)", JOB),
        choice("region", "Region", f"label_values({vms}{{{job}}}, region)", REGION),
        choice("vm_size", "VM size", sizes, size),
    ]


def runbooks() -> build.ConstantVariable:
    """Where the links of checks lead."""
    found = build.ConstantVariable("runbooks").value(RUNBOOKS)
    return found.label("Runbooks").description("The folder of the runbooks, one a check.")


def link_to_vm() -> build.DashboardLink:
    """From a row that has the labels of a target."""
    chosen = "${datasource:queryparam}&${job:queryparam}&${region:queryparam}"
    instance = "var-instance=${__data.fields.instance}"
    return build.DashboardLink("This VM").url(f"/d/{VM}?{chosen}&{instance}&${{__url_time_range}}")


def link_to_runbook() -> build.DashboardLink:
    """From a row that has the label `check`."""
    link = build.DashboardLink("Runbook").url("${runbooks:raw}/${__data.fields.check}.md")
    return link.target_blank(target_blank=True)


def link_to_alerts() -> build.DashboardLink:
    """What each alert means, and what to do."""
    link = build.DashboardLink("Alerts").url("${runbooks:raw}/../alerts.md")
    return link.target_blank(target_blank=True)


def switches(name: str, expression: str, words: str, colour: str) -> build.AnnotationQuery:
    """Marks where something happened, on every panel over time."""
    found = build.AnnotationQuery().name(name).datasource(DATASOURCE).enable(enable=True)
    found.expr(expression).step("60s").icon_color(colour)
    return found.title_format(name).text_format(words).tag_keys("device")


def a_dashboard(
    uid: str,
    title: str,
    answers: str,
    choices: Sequence[Builder[dashboard.VariableModel]],
    rows: Sequence[Row],
    annotations: Sequence[build.AnnotationQuery] = (),
) -> dashboard.Dashboard:
    """The whole of it, each panel with a number that stays for as long as its place does."""
    found = build.Dashboard(title).uid(uid).description(answers).tags([TAG])
    found.time("now-6h", "now").refresh("1m").timezone("browser").readonly()
    found.tooltip(DashboardCursorSync.CROSSHAIR)
    found.variables(list(choices)).annotations(list(annotations))
    others = build.DashboardLink("accelnet").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    found.link(others.include_vars(include_vars=True).keep_time(keep_time=True))
    for name, panels in rows:
        found.with_row(build.Row(name))
        for part in panels:
            found.with_panel(part)
    built = found.build()
    built.schema_version = SCHEMA
    for number, panel in enumerate(built.panels or (), start=1):
        panel.id_val = number
    return built
