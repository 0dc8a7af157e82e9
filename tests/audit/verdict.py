"""What a run of pip-audit says about the pinned packages."""

from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True)
class Verdict:
    """A line for each thing to tell. Only `failures` fail the command."""

    summary: str
    failures: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])


def verdict(exit_code: int | None, stdout: str, stderr: str, accepted: dict[str, str]) -> Verdict:
    """Decide. `exit_code` is None if pip-audit was ended at the time limit.

    Not being able to ask is no failure: a machine may have no way to the advisories, as behind a
    mirror of the package index that does not hold them.
    """
    if exit_code is None:
        return _unknown("no answer within the time limit")
    if not stdout.strip():
        return _without_answer(exit_code, stderr)
    packages: list[dict[str, Any]] = orjson.loads(stdout)["dependencies"]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) == len(packages):
        return _unknown("the package index answers, but knows none of the versions")
    found = [(package, advisory) for package in packages for advisory in package.get("vulns", [])]
    ids = {name for _, advisory in found for name in _ids(advisory)}
    warnings = (
        [f"not audited, since the package index does not know them: {', '.join(unknown)}"]
        if unknown
        else [
            f"requirements/accepted.toml names {name}, which no pinned package has: remove it"
            for name in sorted(accepted.keys() - ids)
        ]
    )
    return Verdict(
        summary=f"{len(packages) - len(unknown)} packages audited, {len(found)} advisories",
        failures=[
            _line(package, advisory)
            for package, advisory in found
            if not accepted.keys() & _ids(advisory)
        ],
        warnings=warnings,
    )


def _without_answer(exit_code: int, stderr: str) -> Verdict:
    """pip-audit prints its own errors as a line, and those of the network mostly as a trace."""
    lines = stderr.strip().splitlines() or [f"exit code {exit_code}, and nothing was printed"]
    if "Traceback" in stderr or "your network may be blocking" in stderr:
        telling = [line for line in lines if "Tip:" not in line]
        return _unknown(next((t for t in telling if t.startswith("requests.")), telling[-1]))
    return Verdict("pip-audit could not run", failures=[f"pip-audit failed: {lines[-1]}"])


def _unknown(reason: str) -> Verdict:
    text = reason if len(reason) <= 300 else f"{reason[:300]}…"
    return Verdict("not audited", warnings=[f"advisories could not be asked for: {text}"])


def _ids(advisory: dict[str, Any]) -> set[str]:
    return {advisory["id"], *advisory["aliases"]}


def _line(package: dict[str, Any], advisory: dict[str, Any]) -> str:
    others = f" ({', '.join(advisory['aliases'])})" if advisory["aliases"] else ""
    fixed = ", ".join(advisory["fix_versions"])
    return f"{package['name']} {package['version']} has {advisory['id']}{others}, " + (
        f"fixed in {fixed}" if fixed else "not fixed in any version"
    )
