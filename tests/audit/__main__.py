"""python -m tests.audit

Asks the package index for advisories about the pinned packages. Ends with 1 if there is one that
requirements/accepted.toml does not name. If they cannot be asked for it says so, and ends with 0.
"""

import os
import ssl
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.audit.verdict import verdict

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
LIMIT = 15.0


def main() -> int:
    accepted: dict[str, str] = tomllib.loads((REQUIREMENTS / "accepted.toml").read_text())
    said = verdict(*pip_audit(REQUIREMENTS / "dev.txt"), accepted)
    for warning in said.warnings:
        print(f"WARNING: {warning}")
    for failure in said.failures:
        print(f"FAILED: {failure}")
    print(said.summary)
    if said.failures:
        print("Renew the pin (CONTRIBUTING.md), or say in requirements/accepted.toml why it stays.")
    return 1 if said.failures else 0


def pip_audit(
    requirements: Path, *options: str, limit: float = LIMIT
) -> tuple[int | None, str, str]:
    """Exit code (None: ended at the limit, in seconds), standard output, standard error."""
    command: Sequence[str] = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(requirements)),
        *("--require-hashes", "--disable-pip", "--format", "json", "--desc", "off"),
        *("--progress-spinner", "off", "--timeout", "5", *options),
    ]
    with tempfile.TemporaryDirectory() as cache:
        try:
            ran = subprocess.run(
                [*command, "--cache-dir", cache],
                env=_trusting_the_system(),
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, "", ""
    return ran.returncode, ran.stdout, ran.stderr


def _trusting_the_system() -> dict[str, str]:
    """requests trusts a list of its own; behind a company's proxy only the system's will do."""
    paths = ssl.get_default_verify_paths()
    certificates = paths.cafile or paths.capath
    return {"REQUESTS_CA_BUNDLE": certificates, **os.environ} if certificates else dict(os.environ)


if __name__ == "__main__":
    sys.exit(main())
