from typing import Any

import pytest

from seismic import BuildParams, ParameterError, SearchParams


@pytest.mark.parametrize("params", [BuildParams(), SearchParams()])
def test_defaults_are_valid_and_documented(params: BuildParams | SearchParams) -> None:
    assert type(params)(**params.model_dump()) == params
    assert all(field.description for field in type(params).model_fields.values())


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 2**32 - 1},
        {"pruning": "fixed", "postings_per_list": 1},
        {"max_fraction": 1},
        {"summary_energy": 1.0, "order_clusters": 0, "order_rounds": 20},
    ],
)
def test_build_params_take_their_limits(values: dict[str, Any]) -> None:
    assert BuildParams(**values).model_dump() == BuildParams().model_dump() | values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1}, r"^parameter 'seed': .*greater than or equal to 0 \(found -1\)$"),
        ({"seed": 2**32}, "less than 4294967296"),
        ({"seed": "7"}, "integer"),
        ({"seed": 1.5}, "integer"),
        ({"pruning": "none"}, "'global' or 'fixed'"),
        ({"postings_per_list": 0}, "postings_per_list"),
        ({"max_fraction": 0.5}, "max_fraction"),
        ({"max_fraction": float("inf")}, "finite number"),
        ({"summary_energy": 0.0}, "summary_energy"),
        ({"summary_energy": float("nan")}, "summary_energy"),
        ({"summary_energy": 1.1}, "summary_energy"),
        ({"order_clusters": -1}, "order_clusters"),
        ({"order_rounds": 0}, "order_rounds"),
        ({"n_postings": 4000}, r"^unknown parameter 'n_postings'; BuildParams has seed, "),
        ({"seed": -1, "max_fraction": 0}, r"'seed': .*; parameter 'max_fraction': "),
    ],
)
def test_build_params_out_of_range(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        BuildParams(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"plan": "fast"}, r"^parameter 'plan': .*'auto', 'lists' or 'exact' \(found 'fast'\)$"),
        ({"query_cut": 0}, "query_cut"),
        ({"query_cut": 2**70}, "query_cut"),
        ({"query_cut": True}, "query_cut"),
        ({"heap_factor": 0.0}, "heap_factor"),
        ({"heap_factor": 10.1}, "heap_factor"),
        ({"heap_factor": float("nan")}, "heap_factor"),
        ({"heap_factor": float("inf")}, "heap_factor"),
        ({"k": 10}, r"^unknown parameter 'k'; SearchParams has recall, plan, query_cut, heap_factor"),
        ({"recall": 0.0}, "recall"),
        ({"recall": 1.1}, "recall"),
        ({"recall": float("nan")}, "recall"),
        ({"recall": 0.9, "plan": "exact"}, r"^recall 0.9 chooses plan, .* found plan exact as well; leave out either$"),
        ({"recall": 0.9, "query_cut": 3, "heap_factor": 0.7}, "found query_cut 3 and heap_factor 0.7 as well"),
    ],
)
def test_search_params_out_of_range(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        SearchParams(**values)


@pytest.mark.parametrize(
    "values", [{"recall": 1}, {"recall": 0.97, "plan": "auto"}, {"recall": 0.97, "query_cut": None}]
)
def test_a_recall_may_be_asked_for(values: dict[str, Any]) -> None:
    assert SearchParams(**values) == SearchParams(recall=values["recall"])


def test_params_cannot_be_changed_but_replaced() -> None:
    params = SearchParams(query_cut=5)
    with pytest.raises(ValueError, match="frozen"):
        params.query_cut = 6  # type: ignore[misc]
    assert params.replace(plan="exact") == SearchParams(plan="exact", query_cut=5)
    with pytest.raises(ParameterError, match="query_cut"):
        params.replace(query_cut=-1)
    with pytest.raises(ParameterError, match="unknown parameter 'cut'"):
        params.replace(cut=1)


def test_the_old_name_of_the_plan_lists_is_accepted() -> None:
    assert SearchParams(plan="blocks").plan == "lists"  # type: ignore[arg-type]
    stored = {"plan": "blocks", "query_cut": 3}
    assert SearchParams(**stored).model_dump(exclude_none=True) == {"plan": "lists", "query_cut": 3}  # type: ignore[arg-type]
    assert SearchParams.model_json_schema()["properties"]["plan"]["enum"] == ["auto", "lists", "exact"]
