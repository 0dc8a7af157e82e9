"""The audit of the pinned packages, on what pip-audit printed (`tests/golden/audit/record.py`)."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.audit.__main__ import REQUIREMENTS, pip_audit
from tests.audit.verdict import Verdict, verdict

RECORDED: dict[str, dict[str, Any]] = {
    said["case"]: said
    for said in map(
        orjson.loads, Path("tests/golden/audit/pip_audit.jsonl").read_text().splitlines()
    )
}


def decided(case: str, accepted: dict[str, str] | None = None) -> Verdict:
    said = RECORDED[case]
    return verdict(said["exit_code"], said["stdout"], said["stderr"], accepted or {})


def test_packages_without_advisories_pass_in_silence() -> None:
    assert decided("clean") == Verdict("2 packages audited, 0 advisories")


def test_an_advisory_fails_with_package_version_ids_and_the_version_that_fixes_it() -> None:
    (failure,) = decided("found").failures

    assert failure.startswith("urllib3 2.0.0 has PYSEC-2023-192 (")
    assert "CVE-2023-43804" in failure
    assert failure.endswith(", fixed in 2.0.6")


def test_an_advisory_that_no_version_fixes_says_so() -> None:
    said = RECORDED["found"]
    unfixed = said["stdout"].replace('"fix_versions": ["2.0.6"]', '"fix_versions": []')

    (failure,) = verdict(1, unfixed, said["stderr"], {}).failures

    assert failure.endswith(", not fixed in any version")


@pytest.mark.parametrize("name", ["PYSEC-2023-192", "CVE-2023-43804"])
def test_an_accepted_advisory_passes_under_each_of_its_ids(name: str) -> None:
    said = decided("found", {name: "we follow no redirects"})

    assert (said.failures, said.warnings) == ([], [])


def test_an_entry_of_the_list_that_no_package_needs_is_named() -> None:
    said = decided("clean", {"CVE-2099-0001": "long ago"})

    assert said.failures == []
    assert said.warnings == [
        "requirements/accepted.toml names CVE-2099-0001, which no pinned package has: remove it"
    ]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no_way", "requests.exceptions.ProxyError: "),
        ("slow", "requests.exceptions.ReadTimeout: "),
        ("refused", "requests.exceptions.HTTPError: 503 Server Error"),
        ("ended_at_the_limit", "no answer within the time limit"),
        ("unknown_to_the_index", "the package index answers, but knows none of the versions"),
    ],
)
def test_no_way_to_the_advisories_is_one_warning(case: str, reason: str) -> None:
    said = decided(case, {"CVE-2099-0001": "cannot be judged now"})

    assert said.failures == []
    (warning,) = said.warnings
    assert warning.startswith(f"advisories could not be asked for: {reason}")
    assert "\n" not in warning


def test_a_package_that_the_index_does_not_know_is_named() -> None:
    (said,) = [orjson.loads(RECORDED["unknown_to_the_index"]["stdout"])["dependencies"]]
    known = orjson.loads(RECORDED["found"]["stdout"])["dependencies"][1]
    both = orjson.dumps({"dependencies": [said[0], known]}).decode()

    partly = verdict(1, both, "", {})

    assert partly.warnings == ["not audited, since the package index does not know them: six"]
    assert len(partly.failures) == 1


def test_requirements_that_cannot_be_audited_fail() -> None:
    (failure,) = decided("not_pinned").failures

    assert "contains invalid specifier" in failure


def test_pip_audit_can_read_the_pins() -> None:
    exit_code, _, stderr = pip_audit(REQUIREMENTS / "dev.txt", "--dry-run", limit=60.0)

    assert exit_code == 0, stderr
    read = re.search(r"would have audited (\d+) packages", stderr)
    assert read is not None, stderr
    lines = (REQUIREMENTS / "dev.txt").read_text().splitlines()
    pins = [line for line in lines if "==" in line and ";" not in line]
    assert int(read[1]) >= len(pins)
