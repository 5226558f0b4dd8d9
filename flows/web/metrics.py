"""Figures of a workspace in Prometheus' text format."""

import shutil
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from flows.web.site import Site

BATCHES = 200
"""Of so many, the newest."""


class Workspace(Collector):
    """Reads what is new in the journals whenever it is asked."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures now."""
        states: Counter[str] = Counter()
        rows: Counter[str] = Counter()
        rendered = 0
        pace = GaugeMetricFamily("actalker_frames_per_second", "Of each batch that runs.", labels=["batch"])
        left = GaugeMetricFamily(
            "actalker_seconds_left", "Until a batch that runs is done, by likelihood.", labels=["batch", "quantile"]
        )
        for name in self._site.names()[:BATCHES]:
            with self._site.batch(name) as followed:
                report = followed.report()
                states[report.state] += 1
                rows.update(row.state for row in report.rows.values())
                rendered += sum(row.rendered for row in report.rows.values())
                if report.running:
                    pace.add_metric([name], report.pace)
                if time_left := report.time_left:
                    left.add_metric([name, "0.5"], time_left.half_s)
                    left.add_metric([name, "0.9"], time_left.most_s)
        yield _by_state("actalker_batches", "Batches by state.", states)
        yield _by_state("actalker_rows", "Rows of all batches by state.", rows)
        yield GaugeMetricFamily("actalker_segments_rendered", "Segments that were rendered.", value=rendered)
        yield pace
        yield left
        free = shutil.disk_usage(self._site.root).free
        yield GaugeMetricFamily("actalker_free_disk_bytes", "Free on the workspace's disk.", value=free)


def _by_state(name: str, text: str, counts: Counter[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state, count in sorted(counts.items()):
        family.add_metric([state], count)
    return family


def text_of(site: Site) -> bytes:
    """All figures."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Workspace(site))
    return generate_latest(registry)
