"""Describes the errors of tracking servers in plain words, without addresses or secrets."""

import re

from common.cli.connection_signs import CONNECTION_SIGNS
from common.tracking.secrets import scrub

_WORDS = {
    401: "it does not accept our credentials (401)",
    403: "it denies access (403)",
    404: "it has nothing at this address (404)",
    407: "the proxy asks for credentials (407)",
    413: "too large for the server (413)",
    429: "it is overloaded (429)",
    502: "the gateway in front of it gets no answer (502)",
    503: "it is not ready (503)",
    504: "the gateway in front of it waited too long (504)",
}
# The exceptions' texts are searched for these patterns, because MLflow wraps the exceptions.
_SIGNS = (
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|CertificateError",
        "its certificate is not trusted (set MLFLOW_TRACKING_SERVER_CERT_PATH to a certificate that you trust)",
    ),
    (r"SSLError|SSLEOFError|\[SSL", "the encrypted connection failed (TLS)"),
    *CONNECTION_SIGNS,
    (r"JSONDecodeError|valid JSON", "it does not answer like an MLflow server"),
    (r"database is locked", "the local store is locked by another program"),
    (r"Can't locate revision", "its database was created by a newer version of MLflow"),
    (
        r"duplicate column name|no such table|no such column|malformed|file is not a database",
        "its database is damaged; if it is the local mlflow.db, move it away and run sync to fill a new one",
    ),
    (r"No space left", "the disk is full"),
)
_STATUS = re.compile(r"(?:error code |too many |status code |^)(\d{3})\b")


def http_words(status: int) -> str:
    """Describes an HTTP status other than 200."""
    return _WORDS.get(status, f"it answers {status}")


def words_of(error: BaseException) -> str:
    """Describes an exception by its text; an unknown text is shortened, and its secrets are removed."""
    text = f"{type(error).__name__}: {error}"
    for pattern, words in _SIGNS:
        if re.search(pattern, text):
            return words
    status = status_of(error)
    return http_words(status) if status else one_line(text)


def status_of(error: BaseException) -> int | None:
    """Returns the HTTP status behind an exception from MLflow or requests; None if there is none."""
    answer = getattr(error, "response", None)
    if getattr(answer, "status_code", None):
        return answer.status_code
    match = _STATUS.search(str(error))
    if match:
        return int(match[1])
    if type(error).__name__ == "RestException":
        return error.get_http_status_code()
    return None


def one_line(text: str, length: int = 160) -> str:
    """Shortens a server's text to one line without secrets."""
    text = " ".join(scrub(text).split())
    return text if len(text) <= length else text[: length - 1] + "…"
