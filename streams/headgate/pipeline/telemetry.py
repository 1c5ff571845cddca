"""/metrics: what the agents count, under documented names (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Sample = tuple[dict[str, str], float]
Read = Callable[[], Iterable[Sample]]


class Row:
    """One metric: its name, what it says, and how to read it now."""

    def __init__(self, kind: str, name: str, help_text: str, read: Read) -> None:
        self.kind = kind
        self.name = name
        self.help_text = help_text
        self.read = read

    def collect(self) -> Metric:
        """The metric with the samples of this moment."""
        samples = list(self.read())
        labels = sorted(samples[0][0]) if samples else []
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        metric = family(self.name, self.help_text, labels=labels)
        for values, number in samples:
            metric.add_metric([values[label] for label in labels], number)
        return metric


class Table(Collector):
    """All rows of a worker; reading happens when Prometheus asks."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)

    def collect(self) -> Iterator[Metric]:
        """The rows in order."""
        for row in self._rows:
            yield row.collect()


def one(read: Callable[[], float]) -> Read:
    """A reading without labels."""
    return lambda: [({}, read())]


def per(label: str, read: Callable[[], Mapping[Any, float]]) -> Read:
    """One reading per key of a table."""
    return lambda: [({label: str(key)}, float(value)) for key, value in sorted(read().items())]
