"""The quickstart, as the README has it: once with its own check, and up until Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from isthmus.config.home import isthmus_home
from tests.support.cluster import child_pids, expect

COMMAND = [sys.executable, "-m", "isthmus.cli.main", "quickstart"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, which shares only the downloads."""
    (isthmus_home() / "jars").mkdir(parents=True, exist_ok=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "jars").symlink_to(isthmus_home() / "jars")
    return {**os.environ, "ISTHMUS_HOME": str(tmp_path / "home")}


def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=150,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_once_moves_the_brokers_log_over_a_killed_worker(environment: dict[str, str]) -> None:
    code, text = run(environment, "--once")

    assert code == 0, text
    assert "was killed with SIGKILL" in text
    assert "equal byte for byte" in text


def test_it_moves_a_given_file_and_stays_until_ctrl_c(
    environment: dict[str, str], tmp_path: Path
) -> None:
    given = tmp_path / "given.txt"
    given.write_text("ä line\n\nand another\n")
    log = tmp_path / "quickstart.log"

    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "--file", str(given)], stdout=output, stderr=output, env=environment
        )
    try:
        expect("it to be up", lambda: "Ctrl-C stops everything" in log.read_text(), 120)
        started = child_pids(process.pid)
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
    finally:
        process.kill()
        process.wait()

    assert code == 0, log.read_text()
    assert "3 lines, 21 bytes: equal byte for byte" in log.read_text()
    assert [pid for pid in started if psutil.pid_exists(pid)] == []


def test_a_file_that_is_not_there_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    missing = tmp_path / "missing.txt"

    code, text = run(environment, "--once", "--file", str(missing))

    assert code == 1
    assert str(missing) in text.replace("\n", "")
    assert "Traceback" not in text
