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


def test_other_text_stays():
    for text in ("https://host/a@b", "mail ada@example.org", "Basic training", "bearer of news", "a: b"):
        assert scrub(text) == text
