"""Text from files and servers, made safe to print."""

LIMIT = 200  # characters of a name or a value that a message repeats


def printable(text: object, limit: int | None = None) -> str:
    r"""One line without control characters, which could recolour or rewrite a terminal.

    White space becomes single spaces; everything else that is not a visible character becomes an escape such as `\x1b`.

    Args:
        text: anything; bytes are taken as UTF-8.
        limit: longer texts are cut to so many characters.
    """
    text = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else str(text)
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}... ({len(text)} characters)"
    words = " ".join(text.split())
    if words.isprintable():
        return words
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in words)
