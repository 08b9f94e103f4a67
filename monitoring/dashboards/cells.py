"""Columns of tables, and what single series and columns have of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models.common import TableColoredBackgroundCellOptions
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from palette import thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grafana_foundation_sdk.builders import dashboard, table
    from grafana_foundation_sdk.models.dashboard import ValueMapping

_CELL: Final = DynamicConfigValue(
    id_val="custom.cellOptions", value=TableColoredBackgroundCellOptions()
)


def columns(panel: table.Panel, names: Mapping[str, str], *, joined: bool = False) -> table.Panel:
    """Shows these columns alone, in this order, under these names.

    `joined`: of several queries, whose rows are one where their labels are alike.
    """
    if joined:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    places = {name: place for place, name in enumerate(names)}
    order = {"excludeByName": {}, "indexByName": places, "renameByName": dict(names)}
    keep = {"include": {"names": list(names)}}
    panel.with_transformation(DataTransformerConfig(id_val="filterFieldsByName", options=keep))
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=order))
    return panel


def worded(words: list[ValueMapping]) -> list[DynamicConfigValue]:
    """A column of values that are words on colours."""
    return [
        DynamicConfigValue(id_val="mappings", value=words),
        _CELL,
    ]


def in_unit(unit: str, decimals: int | None = None) -> list[DynamicConfigValue]:
    """A column of numbers."""
    found = [DynamicConfigValue(id_val="unit", value=unit)]
    if decimals is not None:
        found.append(DynamicConfigValue(id_val="decimals", value=decimals))
    return found


def linked(*links: dashboard.DashboardLink) -> list[DynamicConfigValue]:
    """A column whose cells lead somewhere."""
    return [DynamicConfigValue(id_val="links", value=[link.build() for link in links])]


def steps(*found: tuple[float, str]) -> list[DynamicConfigValue]:
    """Thresholds of one column or number."""
    return [DynamicConfigValue(id_val="thresholds", value=thresholds(*found).build())]


def steps_on_cells(*found: tuple[float, str]) -> list[DynamicConfigValue]:
    """A column whose cells have the colours of thresholds."""
    return [*steps(*found), _CELL]


def sorted_by(panel: table.Panel, name: str) -> table.Panel:
    """The largest first."""
    return panel.sort_by([common.TableSortByFieldState().display_name(name).desc(desc=True)])


def shown_as(word: str, in_colour: str) -> list[DynamicConfigValue]:
    """One series under another name, in its colour."""
    return [DynamicConfigValue(id_val="displayName", value=word), colour(in_colour)]


def colour(name: str) -> DynamicConfigValue:
    """One for all of a series."""
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": name})
