"""Makes a check fail with a clear message."""


class CheckFailed(Exception):
    """A failed check; the message says what was expected and received, and ends with the container's last output."""


def expect(holds: bool, wanted: str, received: str, output: str = "") -> None:
    """Raises CheckFailed, with the last lines of the output, if the condition is false."""
    if not holds:
        tail = "".join(f"\n    {line}" for line in output.splitlines()[-15:])
        raise CheckFailed(f"expected {wanted}. Received: {received}.{tail}")
