import pytest

from isthmus.worker.fork_server import describe_exit


@pytest.mark.parametrize(
    ("exit_code", "text"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-11, "was killed by signal 11 (SIGSEGV)"),
        (-200, "was killed by signal 200 (unknown)"),
    ],
)
def test_an_exit_code_says_how_a_process_ended(exit_code: int, text: str) -> None:
    assert describe_exit(exit_code) == text
