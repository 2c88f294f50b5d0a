"""Lets a check fail with a clear message."""


class CheckFailed(Exception):
    """Says what was expected and what was received, with the container's last lines."""


def expect(holds: bool, wanted: str, received: str, output: str = "") -> None:
    """Raises CheckFailed with the last lines of the output."""
    if not holds:
        tail = "".join(f"\n    {line}" for line in output.splitlines()[-15:])
        raise CheckFailed(f"expected {wanted}. Received: {received}.{tail}")
