"""Makes text from files and servers safe to print."""

LIMIT = 200  # maximum number of characters of a name or a value in a message


def printable(text: object, limit: int | None = None) -> str:
    r"""Returns the text as one line without control characters, which could recolour or overwrite a terminal.

    White space becomes single spaces; any other invisible character becomes an escape such as `\x1b`. Bytes are decoded
    as UTF-8. Texts longer than `limit` characters are shortened.
    """
    text = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else str(text)
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}... ({len(text)} characters)"
    return _escaped(" ".join(text.split()))


def visible(text: str) -> str:
    """Escapes control characters in text of any length; line breaks, tabs and progress bars still work."""
    shown = text.strip("\r")  # progress bars begin or end with "\r"; elsewhere, "\r" would hide text
    if not shown or text.isprintable():
        return text
    return text.replace(shown, _escaped(shown, kept="\n\t"))


def _escaped(text: str, kept: str = "") -> str:
    if text.isprintable():
        return text
    shown = (c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown)
