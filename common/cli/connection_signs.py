"""Explains failed connections in plain words: pairs (pattern in the exception's type and text, explanation)."""

# The patterns match errors of the requests and urllib3 packages and of the standard library.
CONNECTION_SIGNS = (
    (r"ProxyError", "the proxy in the environment variables refuses the connection"),
    (r"SSLError|SSLEOFError|\[SSL", "the encrypted connection failed (TLS; is it an http:// address?)"),
    (
        r"Failed to resolve|NameResolution|getaddrinfo|Name or service not known|Temporary failure in name",
        "its name is not known (DNS)",
    ),
    (r"Connection refused|ConnectionRefused", "it refuses connections"),
    (r"[Tt]imed? ?out|timeout", "it does not answer in time"),
    (
        r"Connection reset|reset by peer|RemoteDisconnected|Connection aborted|IncompleteRead|BrokenPipe|Broken pipe",
        "it closed the connection",
    ),
    (r"No route to host|[Uu]nreachable", "it cannot be reached from this network"),
)
