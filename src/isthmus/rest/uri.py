"""The path of a request: what Jetty refuses in it, what it means, and names put into one."""

import re
from urllib.parse import quote, unquote_to_bytes

from isthmus.herder.errors import BadRequestError

#: Characters that Java leaves alone when it puts a name into a `Location`; also what looks like
#: an escape, and slashes.
_KEPT = "/&;=+,:@!$*()~-_.'%"

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?=[/;]|$)", re.IGNORECASE)


def resource_path(raw: str) -> str:
    """Return the path that names a resource, decoded; without `;parameters` and slash at the end.

    Java refuses `%25` and `%5C` as well, and so cannot delete a connector that has `%` or a
    backslash in its name. Nothing is ambiguous about these, so they are taken here.

    Raises:
        BadRequestError: What the path means would depend on who reads it.
    """
    if _BROKEN_ESCAPE.search(raw):
        raise BadRequestError("Bad Request")
    if "//" in raw:
        raise BadRequestError("Ambiguous URI empty segment")
    if "%2f" in raw.lower():
        raise BadRequestError("Ambiguous URI path separator")
    dots = _DOT_SEGMENT.search(raw)
    if dots is not None and "%" in dots[0]:
        raise BadRequestError("Ambiguous URI path segment")
    segments = [segment.partition(";")[0] for segment in raw.split("/")]
    try:
        path = unquote_to_bytes("/".join(segments)).decode()
    except UnicodeDecodeError:
        raise BadRequestError("Bad UTF-8 encoding") from None
    if any(character < " " or character == "\x7f" for character in path):
        raise BadRequestError("Suspicious Path Character")
    return path.rstrip("/") or "/"


def connector_location(base: str, name: str) -> str:
    """Return the address of a connector below `base` (`http://host:port`), as Java escapes it."""
    return f"{base}/connectors/{_BROKEN_ESCAPE.sub('%25', quote(name, safe=_KEPT))}"
