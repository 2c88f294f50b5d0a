import base64

import pytest

from common.tracking.secrets import scrub


@pytest.mark.parametrize(
    "text",
    [
        "https://ada:s3cret@host/path failed",
        "Authorization: Basic YWRhOnMzY3JldA==",
        "{'Authorization': 'Bearer s3cret.token-x'}",
        "postgresql://ada:s3cret@db",
        "https://ada:s3@s3cret@host/x",
    ],
)
def test_passwords_are_removed(text):
    cleaned = scrub(text)
    assert "s3cret" not in cleaned
    assert "YWRh" not in cleaned
    assert "ada" not in cleaned


def test_the_environments_secrets_are_removed_wherever_they_turn_up(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "horse battery")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-123456")
    assert scrub("it was horse battery and tok-123456") == "it was *** and ***"


def test_other_text_is_unchanged():
    for text in ("https://host/a@b", "mail ada@example.org", "Basic training", "bearer of news", "a: b"):
        assert scrub(text) == text


def test_a_secret_is_also_removed_if_it_is_encoded(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hörse/battery")
    header = base64.b64encode("ada:hörse/battery".encode()).decode()
    assert scrub(f"sent {header}, then h%C3%B6rse%2Fbattery") == "sent ***, then ***"


def test_the_password_in_mlflows_own_file_is_removed(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert scrub("it was horse battery") == "it was horse battery"
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text("[mlflow]\nmlflow_tracking_password = horse battery\n")
    assert scrub("it was horse battery") == "it was ***"
