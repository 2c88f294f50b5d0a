import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.tracking.translate_for_mlflow import (
    KEY_LENGTH,
    PARAMETER_LENGTH,
    TAG_LENGTH,
    Batch,
    Translator,
    allowed_key,
    clean,
)

TEXT = st.text(st.characters(codec=None), min_size=1)


def translate(*records):
    translator, batch = Translator(), Batch()
    for record in records:
        translator.read({"t": 5, **record}, batch)
    return translator, batch


def test_an_ordinary_run_is_translated_unchanged_and_without_notes():
    translator, batch = translate(
        {"kind": "parameters", "values": {"filters": "8 8", "a/b.c-d e": "1"}},
        {"kind": "metrics", "step": 2, "values": {"loss": 0.5}},
        {"kind": "tags", "values": {"commit": "0123"}},
        {"kind": "status", "status": "FINISHED"},
    )
    assert batch.parameters == {"filters": "8 8", "a/b.c-d e": "1"}
    assert batch.metrics == [("loss", 0.5, 5, 2)]
    assert batch.tags == {"commit": "0123"}
    assert (translator.status, translator.ended, translator.notes) == ("FINISHED", 5, {})


@pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other
@settings(deadline=None)
@given(TEXT)
def test_every_name_becomes_one_that_mlflow_accepts(name):
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name, _validate_tag_name

    key = allowed_key(name)
    for validate in (_validate_metric_name, _validate_param_name, _validate_tag_name):
        validate(key)
    assert len(key) <= KEY_LENGTH
    assert re.fullmatch(r"[A-Za-z0-9_.\- /]+", key)  # MLflow 2.14 does not accept a colon


@given(TEXT, TEXT)
def test_different_names_stay_different(one, other):
    assert (allowed_key(one) == allowed_key(other)) == (one == other)


def test_a_valid_name_is_unchanged():
    for name in ("loss", "val/recall at 1.0-fpr", "version.keras", "mlflow.user", "a b"):
        assert allowed_key(name) == name


@given(TEXT)
def test_cleaned_text_can_be_stored_anywhere(text):
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert clean(cleaned) == cleaned


def test_values_that_are_too_long_are_cut_and_noted():
    translator, batch = translate(
        {"kind": "parameters", "values": {"long": "x" * 9000}}, {"kind": "tags", "values": {"tag": "y" * 9000}}
    )
    assert len(batch.parameters["long"]) == PARAMETER_LENGTH
    assert len(batch.tags["tag"]) == TAG_LENGTH
    assert "'long' is cut from 9000 to 6000" in translator.note_tag()
    assert "'tag' is cut from 9000 to 5000" in translator.note_tag()


def test_a_parameter_that_changes_on_resume_keeps_both_values():
    translator, batch = translate(
        {"kind": "parameters", "values": {"epochs": "10", "dense": "64"}},
        {"kind": "resume"},
        {"kind": "parameters", "values": {"epochs": "20", "dense": "64"}},
    )
    assert batch.parameters == {"epochs": "10", "dense": "64"}
    assert batch.tags == {"resumed.epochs": "20"}
    assert "'epochs' changed on resume" in translator.note_tag()


def test_values_that_are_not_finite_are_sent_and_noted():
    translator, batch = translate(
        {"kind": "metrics", "step": 1, "values": {"loss": "nan", "auroc": "inf"}},
        {"kind": "metrics", "step": 2, "values": {"loss": "nan", "auroc": 0.5}},
    )
    assert math.isnan(batch.metrics[0][1])
    assert batch.metrics[1][1] == math.inf
    assert translator.note_tag() == "metric 'loss' is nan at step 1; metric 'auroc' is inf at step 1"


def test_reading_records_twice_changes_nothing():
    records = [
        {"kind": "parameters", "values": {"epochs": "10"}},
        {"kind": "parameters", "values": {"epochs": "20"}},
        {"kind": "artifact", "path": "a.png", "folder": ""},
        {"kind": "status", "status": "KILLED"},
    ]
    once, twice = translate(*records)[0], translate(*records, *records)[0]
    assert vars(once) == vars(twice)


def test_odd_file_names_become_paths_that_are_valid_in_a_url():
    translator, _ = translate({"kind": "artifact", "path": "a#b?.png", "folder": "pictures"})
    (place,) = translator.files
    assert place.startswith("pictures/a_b_.png_")
