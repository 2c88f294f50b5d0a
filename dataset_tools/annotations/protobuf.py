"""The wire format of protobuf messages, as far as NaoTH's logs use it: fields by number, nothing is copied.

https://protobuf.dev/programming-guides/encoding: a key is field number << 3 | type; 0 varint, 1 eight bytes, 2 length
and bytes, 5 four bytes.
"""

from collections.abc import Iterator

from dataset_tools.sources.labels import Refused


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field: an int, or the bytes of what has a length or a fixed size.

    Raises:
        Refused: no message, or cut off.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise Refused("damaged message in the log")
        if length > end - at:
            raise Refused("damaged message in the log")
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise Refused("damaged message in the log")


def signed(value: int) -> int:
    """An int32 of a message: negative ones are written as 64 bits of two's complement."""
    return value - (1 << 64) if value >= 1 << 63 else value
