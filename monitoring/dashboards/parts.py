"""The parts that dashboards are made of: panels, queries, variables, links.

Every panel has a description, since `panel()` asks for one; nothing that is counted is shown
as zero where nothing was observed, and no panel is coloured as good for want of data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeValueMode,
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    FieldColorModeId,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

import cells
from palette import BLUE, by_threshold, none_is_good, shades, thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from grafana_foundation_sdk.cog.builder import Builder

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA: Final = "no data"


class _Panel(Protocol):
    """What each kind of panel can do."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def targets(self, targets: list[Builder[Any]]) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...


P = TypeVar("P", bound=_Panel)


# --- queries


def over_time(expression: str, legend: str) -> prometheus.Dataquery:
    """What it was, in steps of the panel's width."""
    return _query(expression).range().legend_format(legend)


def now(expression: str, legend: str = "") -> prometheus.Dataquery:
    """What it is at the end of the dashboard's time range."""
    return _query(expression).instant().legend_format(legend)


def rows(expression: str) -> prometheus.Dataquery:
    """What it is, as the rows of a table: a column for each label, and one for the value."""
    return _query(expression).instant().format(PromQueryFormat.TABLE)


def _query(expression: str) -> prometheus.Dataquery:
    found = prometheus.Dataquery().datasource(DATASOURCE).editor_mode(QueryEditorMode.CODE)
    return found.expr(expression)


# --- panels


def _panel(kind: P, title: str, answers: str, queries: Sequence[prometheus.Dataquery]) -> P:
    for letter, query in zip("ABCDEFGHIJ", queries, strict=False):
        query.ref_id(letter)
    named = kind.title(title).description(answers).datasource(DATASOURCE)
    return named.targets(list(queries)).no_value(NO_DATA)


def a_stat(title: str, answers: str, *queries: prometheus.Dataquery) -> stat.Panel:
    """Few numbers, large."""
    panel = _panel(stat.Panel(), title, answers, queries).height(4).span(4)
    return (
        panel.color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .orientation(VizOrientation.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(by_threshold())
        .thresholds(thresholds())
    )


def a_count(title: str, answers: str, expression: str) -> stat.Panel:
    """How many of what should not be."""
    panel = a_stat(title, answers, now(expression)).decimals(0)
    return panel.thresholds(none_is_good())


def a_graph(title: str, answers: str, *queries: prometheus.Dataquery) -> timeseries.Panel:
    """Lines over time; a gap where nothing was observed."""
    panel = _panel(timeseries.Panel(), title, answers, queries).height(8).span(12)
    return (
        panel.line_width(1)
        .fill_opacity(10)
        .show_points(VisibilityMode.AUTO)
        .span_nulls(span_nulls=False)
        .color_scheme(shades(BLUE))
        .min(0)
        .legend(a_legend().calcs(["mean", "max", "lastNotNull"]))
        .tooltip(
            common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
        )
    )


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Parts of a whole: each packet, NIC or VM is in one of them."""
    return panel.fill_opacity(60).stacking(
        common.StackingConfig().mode(StackingMode.NORMAL).group("A")
    )


def bounded(panel: timeseries.Panel, bound: float, colour: str) -> timeseries.Panel:
    """With a line at the value from which on it is too much."""
    style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(thresholds((bound, colour))).thresholds_style(style)


def as_bars(panel: timeseries.Panel) -> timeseries.Panel:
    """Things that happened."""
    return panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80).decimals(0)


def coloured(panel: timeseries.Panel, colours: Mapping[str, str]) -> timeseries.Panel:
    """The series whose name ends so have this colour."""
    for end, colour in colours.items():
        panel.override_by_regexp(f"/(^| ){end}$/", [cells.colour(colour)])
    return panel


def a_timeline(title: str, answers: str, *queries: prometheus.Dataquery) -> statetimeline.Panel:
    """States over time, a bar each."""
    panel = _panel(statetimeline.Panel(), title, answers, queries).height(6).span(24)
    return (
        panel.merge_values(merge_values=True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(90)
        .line_width(0)
        .color_scheme(by_threshold())
        .thresholds(thresholds())
        .legend(a_legend(LegendDisplayMode.LIST))
    )


def a_ranking(title: str, answers: str, *queries: prometheus.Dataquery) -> bargauge.Panel:
    """How many of each, as horizontal bars."""
    panel = _panel(bargauge.Panel(), title, answers, queries).height(8).span(8)
    return (
        panel.display_mode(BarGaugeDisplayMode.BASIC)
        .value_mode(BarGaugeValueMode.COLOR)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
        .decimals(0)
    )


def a_table(title: str, answers: str, *queries: prometheus.Dataquery) -> table.Panel:
    """Rows of labels and values, filtered by clicking."""
    panel = _panel(table.Panel(), title, answers, queries).height(9).span(12)
    return (
        panel.filterable(filterable=True)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds())
    )


def a_legend(mode: LegendDisplayMode = LegendDisplayMode.TABLE) -> common.VizLegendOptions:
    """Below the panel."""
    legend = common.VizLegendOptions().display_mode(mode).placement(LegendPlacement.BOTTOM)
    return legend.show_legend(show_legend=True)
