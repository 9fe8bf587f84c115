"""Alert rules, scrape configuration and dashboard: valid, and of metrics that the service exposes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from seismic_server.access.keys import create_key
from seismic_server.observe.metrics import JobMetrics, Metrics
from tests.reader import ROOT
from tests.server.conftest import PATIENCE, build_tiny, start, wait_for

FOLDER = ROOT / "docker/deploy"
SCRAPE = yaml.safe_load((FOLDER / "prometheus/prometheus.yml").read_text())
GROUPS = yaml.safe_load((FOLDER / "prometheus/alerts.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "grafana/seismic.json").read_text())
PANELS = DASHBOARD["panels"]

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
OF_PROMETHEUS = {"up"}
OF_TARGETS = {"instance", "job"}
DURATION = r"(\d+[smhdw])+"


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression and where it is."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def selectors(expression: object) -> Iterator[promql_parser.VectorSelector]:
    """Yield the selectors of metrics in a parsed expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for part in ("lhs", "rhs", "expr", "vector_selector", "param"):
        yield from selectors(inner) if (inner := getattr(expression, part, None)) is not None else ()
    for argument in getattr(expression, "args", ()):
        yield from selectors(argument)


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the samples that a service of two processes exposes, read with a key of role metrics."""
    folder = tmp_path_factory.mktemp("monitoring")
    served = build_tiny(folder / "served")
    secret = create_key(folder / "keys.json", "prometheus", "metrics")
    service = start(served, folder / "log.jsonl", "--processes", "2", "--keys-file", str(folder / "keys.json"))
    try:
        wait_for(lambda: httpx2.get(f"{service.url}/readyz", timeout=PATIENCE).is_success)
        headers = {"Authorization": f"{SCRAPE['scrape_configs'][0]['authorization']['type']} {secret}"}
        path = SCRAPE["scrape_configs"][0]["metrics_path"]
        text = httpx2.get(f"{service.url}{path}", headers=headers, timeout=PATIENCE).raise_for_status().text
    finally:
        service.process.terminate()
        service.process.wait(PATIENCE)
    families = text_string_to_metric_families(text)
    return {f"{one.name}{suffix}" for one in families for suffix in SUFFIXES.get(one.type, ("",))}


def labels() -> dict[str, set[str]]:
    """Return the labels of the service's metrics by the beginning of their names."""
    found: dict[str, set[str]] = {"seismic_collection_": {"collection"}, "seismic_page_faults": {"kind"}}
    for metric in [*vars(Metrics()).values(), *vars(JobMetrics()).values()]:
        if isinstance(metric, MetricWrapperBase):
            found[metric._name] = set(metric._labelnames)
    return found


def test_every_metric_is_exposed(exposed: set[str]) -> None:
    known = exposed | OF_PROMETHEUS
    for place, expression in expressions():
        names = {str(selector.name) for selector in selectors(promql_parser.parse(expression))}
        assert names, place
        assert names <= known, f"{place}: {names - known}"
    variable = next(one["query"] for one in DASHBOARD["templating"]["list"] if one["name"] == "instance")
    assert re.fullmatch(r"label_values\((\w+), instance\)", variable)[1] in known  # type: ignore[index]


def test_every_label_is_one_of_its_metric() -> None:
    known = labels()
    for place, expression in expressions():
        grouped = {name for names in re.findall(r"by \(([^)]*)\)", expression) for name in names.split(", ")}
        found, allowed = list(selectors(promql_parser.parse(expression))), OF_TARGETS | {"le"}
        for selector in found:
            own = max((name for name in known if str(selector.name).startswith(name)), key=len, default="")
            allowed |= known.get(own, set())
            matched = {matcher.name for matcher in selector.matchers.matchers}
            assert matched <= OF_TARGETS | known.get(own, set()), f"{place}: {matched}"
        assert grouped <= allowed, f"{place}: {grouped - allowed}"
        assert ("le" in grouped) == ("histogram_quantile" in expression), place


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Seismic[A-Z]\w+", rule["alert"])
    assert re.fullmatch(DURATION, rule.get("for", "0s"))
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) <= {"summary", "description"}
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))
    shown = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert shown <= (grouped or OF_TARGETS), "the alert has no such label"


def test_rules_have_names_of_their_own() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    assert SCRAPE["rule_files"] == [Path("alerts.yml").name]
    assert [set(group) for group in GROUPS] == [{"name", "rules"}]
    assert {one["job_name"] for one in SCRAPE["scrape_configs"]} == {"seismic"}  # as in the rule for `up`


def test_the_dashboard() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(DASHBOARD)
    assert "id" not in DASHBOARD  # Grafana gives it on import
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
    taken = set()
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == list("ABCD"[: len(panel["targets"])])
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, f"{panel['title']} overlaps another panel"
        taken |= cells
