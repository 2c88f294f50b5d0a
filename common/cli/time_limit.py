"""Limits the total time of a call whose own time-outs do not cover everything."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """Makes a call in a thread and returns its result; after `seconds`, abandons it and raises a TimeoutError.

    Name resolution has no time-out, and a server that sends one byte at a time never exceeds a connection's time-out.
    """
    future: Future[T] = Future()
    Thread(target=_settle, args=(future, call), name="within", daemon=True).start()
    try:
        return future.result(seconds)
    finally:
        del future  # otherwise, an exception and its traceback would keep each other and the connection alive


def _settle(future: Future, call: Callable) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # any exception is passed on to the caller
        future.set_exception(error)
