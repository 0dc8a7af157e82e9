"""pip as a user runs it."""

import ssl
import subprocess
from pathlib import Path


def pip(python: Path | str, *arguments: str) -> None:
    """Run pip as `bin/environment` does: with the system's certificates."""
    certificates = ssl.get_default_verify_paths().cafile
    options = ["--disable-pip-version-check", "--no-input", "--quiet"]
    if certificates and Path(certificates).is_file():
        options += ["--cert", certificates]
    done = subprocess.run(
        [str(python), "-m", "pip", *arguments[:1], *options, *arguments[1:]],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
