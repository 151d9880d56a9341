import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rig.statuses import NOW_NS, make_status

from daemon.operations.metrics import render_metrics

DASHBOARD = json.loads((Path(__file__).parents[3] / "docs" / "grafana.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
VARIABLES = [variable["query"] for variable in DASHBOARD["templating"]["list"][1:]]


@pytest.fixture(scope="module")
def exposed():
    """Every metric of a daemon that is well, with its labels."""
    families = text_string_to_metric_families(render_metrics(make_status(), NOW_NS).decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.mark.parametrize("query", QUERIES + VARIABLES)
def test_every_metric_of_the_dashboard_exists(query, exposed):
    names = re.findall(r"deconvid_\w+", query)
    assert names
    assert set(names) <= set(exposed)


@pytest.mark.parametrize("query", QUERIES)
def test_every_label_exists_and_every_bracket_closes(query, exposed):
    for name, selector in re.findall(r"(deconvid_\w+)\{([^}]*)\}", query):
        assert set(re.findall(r"(\w+)(?:=~|=|!=)", selector)) - {"instance"} <= exposed[name]
    for grouped in re.findall(r"by \((\w+)\)", query):
        assert grouped in set().union(*(exposed[name] for name in re.findall(r"deconvid_\w+", query)))
    assert all(query.count(left) == query.count(right) for left, right in ("()", "[]", "{}"))


def test_panels_have_their_own_numbers():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_documentation_names_every_metric(exposed):
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    told = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exposed}
    assert {name for name in told if name not in text} == set()
