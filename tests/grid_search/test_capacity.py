"""Checks how many runs fit on a node."""

from grid_search.capacity import Needs


def test_cores_gpus_and_memory_limit_how_many_runs_fit_on_a_node():
    node = {"CPU": 8.0, "GPU": 2.0, "memory": 10e9}
    assert Needs(1, 0.0, 10**9).fit(node) == 8
    assert Needs(2, 0.0, 10**9).fit(node) == 4
    assert Needs(1, 0.0, 3 * 10**9).fit(node) == 3
    assert Needs(1, 0.4, 10**9).fit(node) == 4  # two on each card
    assert Needs(1, 0.3, 10**9).fit(node) == 6
    assert Needs(1, 2.0, 10**9).fit(node) == 1
    assert Needs(1, 0.5, 10**9).fit({"CPU": 8.0, "memory": 10e9}) == 0
