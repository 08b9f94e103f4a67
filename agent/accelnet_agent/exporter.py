"""The metric families as Prometheus reads them, through a prometheus_client collector.

Building and rendering is the library's.  Its text of a family is kept while the
family's samples stay the same, which most do from scrape to scrape.
"""

from __future__ import annotations

from typing import cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from prometheus_client.core import Metric

    from accelnet_agent.metrics import Family

    Samples: TypeAlias = tuple[tuple[tuple[str, ...], float], ...]

# Of a part of the library that has no types.
_openmetrics = cast("Callable[[Collector], bytes]", openmetrics.generate_latest)  # pyright: ignore[reportUnknownMemberType]
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
_END = b"# EOF\n"


class FamilyCollector(Collector):
    """A custom collector of families that are there already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Each family as the library has it.  No counter has a `_created` series."""
        for family in self._families:
            kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            for labels, value in family.samples:
                metric.add_metric(labels, value)
            yield metric


class Exposition:
    """Renders families; remembers the text of each."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, bool], tuple[Samples, bytes]] = {}

    def render(self, families: Iterable[Family], *, as_openmetrics: bool) -> bytes:
        """The page; in OpenMetrics with its end mark."""
        page = b"".join(self._text(family, as_openmetrics) for family in families)
        return page + _END if as_openmetrics else page

    def _text(self, family: Family, as_openmetrics: bool) -> bytes:  # noqa: FBT001  a key, not a flag
        key = (family.name, as_openmetrics)
        known = self._texts.get(key)
        if known is not None and known[0] == family.samples:
            return known[1]
        collector = FamilyCollector((family,))
        if as_openmetrics:
            text = _openmetrics(collector).removesuffix(_END)
        else:
            text = generate_latest(collector)
        self._texts[key] = (family.samples, text)
        return text


def wants_openmetrics(accept: str) -> bool:
    """What the library would choose for this Accept header; plain text for one it can not read."""
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # of a version that is no number the library makes either
        return False
    return content_type.startswith("application/openmetrics-text")


def content_type(*, as_openmetrics: bool) -> str:
    """The page's media type."""
    return openmetrics.CONTENT_TYPE_LATEST if as_openmetrics else PLAIN
