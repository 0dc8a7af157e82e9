"""The path of a request: what Jetty refuses in it, what it means, and names put into one."""

import re
from urllib.parse import quote, unquote_to_bytes

from isthmus.herder.errors import BadRequestError

#: Characters that Java leaves alone when it puts a name into a `Location`.
_KEPT = "&;=+,:@!$*()~-_.'"

#: What stands for `%2F` in a resource's path: a character that no path has.
ENCODED_SLASH = "\0"

_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)
_CONNECTOR = re.compile("/connectors/[^/]+")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?=[/;]|$)", re.IGNORECASE)


def resource_path(raw: str) -> str:
    """Return the path that names a resource, decoded; without `;parameters` and slash at the end.

    Java refuses `%25` and `%5C` as well, and `%2F`, and so cannot delete a connector that has one
    of these characters in its name. They are taken here: the first two cannot be misread, and of
    `%2F` in a connector's name only `ENCODED_SLASH` is left in the path. Elsewhere it is refused.

    Raises:
        BadRequestError: What the path means would depend on who reads it.
    """
    if _BROKEN_ESCAPE.search(raw):
        raise BadRequestError("Bad Request")
    if "//" in raw:
        raise BadRequestError("Ambiguous URI empty segment")
    connector = _CONNECTOR.match(raw)
    if _ENCODED_SLASH.search(raw, connector.end() if connector else 0):
        raise BadRequestError("Ambiguous URI path separator")
    if raw.startswith("/../"):
        raise BadRequestError("Bad Request")
    dots = _DOT_SEGMENT.search(raw)
    if dots is not None and "%" in dots[0]:
        raise BadRequestError("Ambiguous URI path segment")
    encoded = [segment.partition(";")[0] for segment in raw.split("/")]
    try:
        segments = [unquote_to_bytes(segment).decode() for segment in encoded]
    except UnicodeDecodeError:
        raise BadRequestError("Bad UTF-8 encoding") from None
    if any(character < " " or character == "\x7f" for character in "".join(segments)):
        raise BadRequestError("Suspicious Path Character")
    path = "/".join(segment.replace("/", ENCODED_SLASH) for segment in segments)
    return path.rstrip("/") or "/"


def connector_location(base: str, name: str) -> str:
    """Return the address of a connector below `base` (`http://host:port`).

    Escaped as by Java, but that a slash and what looks like an escape are escaped too: the address
    leads to the connector whatever its name.
    """
    return f"{base}/connectors/{quote(name, safe=_KEPT)}"
