"""Alert rules, scrape configuration and dashboard: valid, and of metrics that the service exposes."""

import json
import re
import shutil
import subprocess
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
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (apt-get install prometheus)")
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


def promtool(*arguments: str | Path) -> str:
    """Return the output of Prometheus's own tool, which must succeed."""
    done = subprocess.run([str(PROMTOOL), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_prometheus_accepts_rules_and_configuration(tmp_path: Path) -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", FOLDER / "prometheus/alerts.yml")
    secret = tmp_path / "seismic.key"
    secret.write_text("secret")
    text = (FOLDER / "prometheus/prometheus.yml").read_text()
    assert "/etc/prometheus/seismic.key" in text
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/seismic.key", str(secret)))
    shutil.copy(FOLDER / "prometheus/alerts.yml", tmp_path)
    assert "is valid" in promtool("check", "config", tmp_path / "prometheus.yml")


STATES = {  # series -> its values in a service that is unwell, and in one that is well
    'up{job="seismic",instance="a"}': ("0x180", "1x180"),
    'seismic_collection_ready{instance="a",collection="c"}': ("0x180", "1x180"),
    'seismic_collection_damaged{instance="a",collection="c"}': ("1x180", "0x180"),
    'seismic_collection_problem{instance="a",collection="c"}': ("1x180", "0x180"),
    'seismic_reloads_total{instance="a",collection="c",result="failed"}': ("0+1x180", "3x180"),
    'seismic_collection_free_bytes{instance="a",collection="c"}': ("1073741824x180", "9e9x180"),
    'seismic_rejections_total{instance="a",reason="overloaded"}': ("0+120x180", "0+6x180"),
    'seismic_request_seconds_count{instance="a",status="503"}': ("0+60x180", "0+1x180"),
    'seismic_request_seconds_count{instance="a",status="200"}': ("0+600x180", "0+600x180"),
    'seismic_search_seconds_bucket{instance="a",collection="c",le="0.5"}': ("0+90x180", "0+100x180"),
    'seismic_search_seconds_bucket{instance="a",collection="c",le="1"}': ("0+100x180", "0+100x180"),
    'seismic_search_seconds_bucket{instance="a",collection="c",le="+Inf"}': ("0+100x180", "0+100x180"),
    'seismic_audited_recall_sum{instance="a",collection="c",target="0.95"}': ("0+5x180", "0+9.6x180"),
    'seismic_audited_recall_count{instance="a",collection="c",target="0.95"}': ("0+10x180", "0+10x180"),
    'seismic_process_restarts_total{instance="a"}': ("0+1x180", "1x180"),
    'seismic_page_faults_total{instance="a",kind="major"}': ("0+12000x180", "0+60x180"),
}
LABELS = {"instance": "a", "collection": "c", "target": "0.95"}
VALUES = {"{{ $value | humanize1024 }}": "1Gi", "{{ $value }}": "0.5"}


def firing(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the labels and annotations of an alert of the unwell service."""
    grouped = re.findall(r"\w+", ",".join(re.findall(r"by \(([^)]*)\)", rule["expr"])))
    labels = {name: LABELS[name] for name in grouped if name in LABELS} or {"instance": "a"}
    if rule["alert"] == "SeismicDown":
        labels["job"] = "seismic"
    filled = {f"{{{{ $labels.{name} }}}}": value for name, value in LABELS.items()} | VALUES
    annotations = dict(rule["annotations"])
    for name in annotations:
        for template, value in filled.items():
            annotations[name] = annotations[name].replace(template, value)
    return {"exp_labels": rule["labels"] | labels, "exp_annotations": annotations}


@needs_promtool
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Every rule fires for the service that is unwell, and none for the other."""
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": values[which]} for series, values in STATES.items()],
            "alert_rule_test": [
                {"eval_time": "2h", "alertname": rule["alert"], "exp_alerts": [] if which else [firing(rule)]}
                for rule in RULES
            ],
        }
        for which in (0, 1)
    ]
    about = {"rule_files": [str(FOLDER / "prometheus/alerts.yml")], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(about))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "tests.yml")


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
