import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from isthmus import logs, secrets


@pytest.fixture(autouse=True)
def _restored_loggers() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    for name in list(logs.levels()):
        logging.getLogger("" if name == logs.ROOT else name).setLevel(logging.NOTSET)
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_line_is_as_connect_writes_it(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    logging.getLogger("isthmus.task.sink").warning("%d records", 3)

    pattern = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] WARN 3 records \(isthmus\.task\.sink\)\n"
    assert re.fullmatch(pattern, capfd.readouterr().out)


def test_a_line_says_which_connector_it_is_about(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_process_context", "")
    logs.configure()
    logs.set_process_context("numbers|task-0")

    logging.getLogger("a").info("one")
    with logs.context("numbers|task-0|offsets"):
        logging.getLogger("a").info("two")

    one, two = capfd.readouterr().out.splitlines()
    assert " INFO [numbers|task-0] one (a)" in one
    assert " INFO [numbers|task-0|offsets] two (a)" in two


def test_an_error_is_written_with_its_trace_as_one_piece(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    try:
        os.environ["NOWHERE"]
    except KeyError:
        logging.getLogger("a").exception("failed")

    lines = capfd.readouterr().out.splitlines()
    assert " ERROR failed (a)" in lines[0]
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyError: 'NOWHERE'"


def test_values_from_config_providers_are_in_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    secrets.learn({"hunter2": "${env:PW}"})

    try:
        int("hunter2")
    except ValueError:
        logging.getLogger("a").exception("Settings: %s", {"password": "hunter2"})

    out = capfd.readouterr().out
    assert "hunter2" not in out
    assert "Settings: {'password': '${env:PW}'}" in out
    assert out.endswith("invalid literal for int() with base 10: '${env:PW}'\n")


def test_lines_written_in_the_background_have_all_arrived_after_a_flush(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logs.configure(in_background=True)

    for number in range(100):
        logging.getLogger("a").info("line %d", number)
    logs.flush()

    assert [line.split()[4] for line in capfd.readouterr().out.splitlines()] == list(
        map(str, range(100))
    )


def test_a_level_is_set_for_all_names_with_the_prefix_even_within_a_word() -> None:
    logs.configure()
    for name in ("a.al", "a.alpha", "a.beta"):
        logging.getLogger(name)

    changed = logs.set_level("a.al", "debug")

    assert changed == ["a.al", "a.alpha"]
    assert logs.levels()["a.alpha"].level == "DEBUG"
    assert logs.levels()["a.beta"].level == "INFO"


def test_only_loggers_whose_level_differs_are_named_and_dated() -> None:
    logs.configure()
    logging.getLogger("b.one")
    logging.getLogger("b.two").setLevel(logging.DEBUG)

    assert logs.set_level("b", "DEBUG") == ["b", "b.one"]
    assert logs.set_level("b", "DEBUG") == []
    assert logs.set_level("new.at.the.level.of.root", "INFO") == []
    assert logs.levels()["b.one"].last_modified is not None
    assert logs.levels()["b.two"].last_modified is None


def test_root_is_every_logger() -> None:
    logs.configure()
    logging.getLogger("c.one").setLevel(logging.ERROR)

    changed = logs.set_level("root", "TRACE")

    assert {"root", "c.one"} <= set(changed)
    assert logging.getLogger("c.one").level == 5
    assert logs.levels()["root"].level == "TRACE"


def test_loggers_that_are_off_are_not_listed() -> None:
    logs.configure()

    logs.set_level("d", "OFF")

    assert "d" not in logs.levels()
    assert not logging.getLogger("d").isEnabledFor(logging.CRITICAL)


@pytest.mark.parametrize("level", ["VERBOSE", "", "WARNING"])
def test_a_level_that_log4j_does_not_know_is_refused(level: str) -> None:
    with pytest.raises(ValueError, match=f"invalid log level '{level}'."):
        logs.set_level("e", level)


def test_levels_bear_the_names_of_log4j() -> None:
    names = [logs.level_name(logs.LEVELS[name]) for name in logs.LEVELS]

    assert names == ["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"]


def test_what_a_client_repeats_is_said_once_in_ten_seconds() -> None:
    now = [0.0]
    repeats = logs._Repeats(lambda: now[0])

    def passes(text: str) -> str | None:
        record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, text, None, None)
        return record.getMessage() if repeats.filter(record) else None

    assert passes("broker 1: refused (after 3ms)") == "broker 1: refused (after 3ms)"
    assert passes("broker 2: refused (after 0ms)") is None
    assert passes("another") == "another"
    now[0] = 10.0
    assert passes("broker 1: refused (after 4ms)") == (
        "broker 1: refused (after 4ms) (and 1 like it since the last)"
    )
    now[0] = 20.0
    assert passes("broker 1: refused (after 5ms)") == "broker 1: refused (after 5ms)"


def test_lines_are_appended_to_connect_log_where_log_dir_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "made" / "by" / "us"))
    file = tmp_path / "made" / "by" / "us" / "connect.log"

    for text in ("one", "two"):  # as by two processes, or two lives of a worker
        logs.configure()
        logging.getLogger("a").info(text)
    written = file.read_text()

    assert [line.split(" INFO ")[1] for line in written.splitlines()] == ["one (a)", "two (a)"]
    assert capfd.readouterr().out == written


def test_a_log_file_that_cannot_be_made_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "file" / "logs"))

    logs.configure()

    warning = capfd.readouterr().out
    assert f" WARN The log file {tmp_path}/file/logs/connect.log cannot be written: " in warning


def test_a_standard_output_that_nobody_reads_holds_up_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("LOG_DIR", str(tmp_path))
    with os.fdopen(writing, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        logs.configure(in_background=True)
        to_file, _ = (found for found in logging.getLogger().handlers[-2:])

        for _ in range(200):  # 64 KB fill a pipe
            logging.getLogger("a").info("x" * 1000)
        to_file.flush()

        assert len((tmp_path / "connect.log").read_text().splitlines()) == 200
        os.close(reading)
        logs.flush()
        monkeypatch.undo()


def test_whole_lines_are_written_to_a_pipe_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    writes: list[bytes] = []

    def write(_: int, data: memoryview) -> int:
        writes.append(bytes(data))
        return len(data)

    monkeypatch.setattr(os, "write", write)
    lines = [b"a" * 1000 + b"\n"] * 5 + [b"b" * 5000 + b"\n", b"the last has no end"]

    logs.write_lines(writing, b"".join(lines))
    monkeypatch.undo()
    os.close(reading)
    os.close(writing)

    assert writes == [b"".join(lines[:4]), lines[4], lines[5], lines[6]]


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("-Dlog4j.configuration=file:{}", "log4j.appender.FILE.File=/mnt/connect/connect.log"),
        ("-Dlog4j2.configurationFile={}", "appender.file.fileName = /mnt/connect/connect.log"),
        ("-Xx -Dlog4j2.configurationFile=file:{}", '      fileName: "/mnt/connect/connect.log"'),
    ],
)
def test_the_log_file_that_settings_of_log4j_name_is_the_one(
    tmp_path: Path, option: str, line: str
) -> None:
    settings = tmp_path / "connect-log4j"
    settings.write_text(f"# how it is logged\n{line}\nappend: true\n")

    found = logs._log_file({"KAFKA_LOG4J_OPTS": option.format(settings), "LOG_DIR": "/other"})

    assert found == Path("/mnt/connect/connect.log")


@pytest.mark.parametrize("line", ["fileName: ${kafka.logs.dir}/connect.log", "level: INFO", None])
def test_settings_of_log4j_that_name_no_file_leave_it_to_log_dir(
    tmp_path: Path, line: str | None
) -> None:
    settings = tmp_path / "connect-log4j2.yaml"
    if line is not None:
        settings.write_text(line)
    option = {"KAFKA_LOG4J_OPTS": f"-Dlog4j2.configurationFile={settings}"}

    assert logs._log_file({**option, "LOG_DIR": "/logs"}) == Path("/logs/connect.log")
    assert logs._log_file(option) is None
