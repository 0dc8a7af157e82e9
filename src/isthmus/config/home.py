"""Where what we download is kept, for every project of the user."""

import os
from pathlib import Path


def isthmus_home() -> Path:
    """Return the directory of our downloads: `$ISTHMUS_HOME`, or `~/.cache/isthmus`."""
    chosen = os.environ.get("ISTHMUS_HOME")
    return Path(chosen).expanduser().absolute() if chosen else Path.home() / ".cache" / "isthmus"
