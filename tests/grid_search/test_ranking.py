"""Checks the Pareto front against its definition, and that the table marks rejected formats."""

from hypothesis import given
from hypothesis import strategies as st

from grid_search.plan import Plan, Run
from grid_search.ranking import _costs, pareto_front, ranking, row
from grid_search.run_progress import Progress

POINTS = st.lists(st.fixed_dictionaries({"cost": st.integers(1, 9), "quality": st.integers(1, 9)}), min_size=1)


@given(POINTS, st.booleans())
def test_nothing_beats_the_front_and_the_front_beats_the_rest(rows, lower):
    def beats(a, b):
        better = a["quality"] <= b["quality"] if lower else a["quality"] >= b["quality"]
        return better and a["cost"] <= b["cost"] and (a["quality"], a["cost"]) != (b["quality"], b["cost"])

    front = pareto_front(rows, "cost", lower)
    assert front
    assert not any(beats(a, b) for a in rows for b in front)
    assert all(any(beats(a, b) or a["quality"] == b["quality"] for a in front) for b in rows)


def test_the_latency_is_that_of_the_fastest_accepted_format_but_never_that_of_keras():
    def latency(**forms):
        forms = {name: {"fit": fit, "latency_us": {"median": median}} for name, (fit, median) in forms.items()}
        return _costs({"forms": forms}).get("latency_us")

    assert latency(keras=(True, 1.0)) is None
    assert latency(keras=(True, 1.0), cpp=(True, 3.0), onnx=(True, 4.0), int16=(False, 2.0)) == 3.0


def test_the_table_marks_rejected_formats(tmp_path):
    folder = tmp_path / "grid_small_training_12345678"
    one = Run(0, {"seed": "1"}, "seed-1 12345678-000", {})
    plan = Plan("small_training", folder.name, folder, "e", "val_loss", {}, (one,))
    run = tmp_path / "20260101-000000_seed-1-12345678-000"
    run.mkdir()
    (run / "config.json").write_text('{"options": {"epochs": 1}}')
    (run / "metrics.csv").write_text("epoch,val_loss\n1,0.5\n")
    (run / "model.json").write_text(
        '{"forms": {"int8": {"fit": false}, "float32": {"fit": true}, "cpp": {"fit": null}}}'
    )
    assert ranking(plan, [row(plan, Progress.on_disk(plan, one))])[1].endswith("seed 1  REJECTED: int8")
