import socket
from pathlib import Path

from isthmus.embedded.process import free_port, is_free, last_lines


def test_a_port_is_taken_while_somebody_listens_and_free_again_after() -> None:
    port = free_port()

    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)

    assert is_free(port)


def test_a_port_of_a_connection_that_was_just_closed_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()

    assert is_free(port)


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    assert 20000 <= free_port() < 32768


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("".join(f"line {n}\n" for n in range(1000)))

    shown = last_lines(log).splitlines()

    assert shown[-1] == "line 999"
    assert len(shown) < 100


def test_a_log_that_does_not_exist_has_no_end(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "server.log") == ""
