"""Decides whether to try again after an error of a tracking server."""

from dataclasses import dataclass

from common.tracking.server_errors import http_words, one_line, status_of, words_of

_REFUSED = (400, 409, 413, 414, 415, 422, 431)


@dataclass(frozen=True)
class Fault:
    """An error from a server; `kind` says what can be done about it.

    "away": try again later. "refused": the server rejects this item. "missing": the run or the item does not exist on
    the server. "later": the server has a run but not yet its parent.
    """

    kind: str
    words: str
    status: int | None = None


class Failure(Exception):
    """An error that this program itself detects in a server's answer."""

    def __init__(self, kind: str, words: str):
        self.fault = Fault(kind, words)


def fault_of(error: BaseException) -> Fault:
    """Classifies an exception from MLflow, requests or SQLAlchemy by what can be done about it."""
    if isinstance(error, Failure):
        return error.fault
    status = status_of(error)
    code = getattr(error, "error_code", "")
    if code == "RESOURCE_DOES_NOT_EXIST":
        return Fault("missing", "the server does not have it", 404)
    if code in ("INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS") or status in _REFUSED:
        return Fault(
            "refused", http_words(status) if status == 413 else f"the server says: {one_line(str(error))}", status
        )
    return Fault("away", http_words(status) if status and status != 500 else words_of(error), status)
