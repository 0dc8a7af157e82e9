"""Apache's own worker in the foreground, as Apache ships it: for comparing by hand.

python -m bench.apache --bootstrap-servers 127.0.0.1:9092 [--port 8084] [key=value …]

Ctrl-C ends it. Without `--bootstrap-servers` it gets a Kafka of its own.
"""

import argparse
import contextlib
import signal
import tempfile
from pathlib import Path

from isthmus.embedded.kafka import EmbeddedKafka
from tests.support.apache import ApacheConnect


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.apache", description=__doc__)
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT")
    parser.add_argument("--port", type=int)
    parser.add_argument("properties", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    chosen = dict(_pair(text, parser) for text in arguments.properties)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it in order
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apache-")))
        servers: str | None = arguments.bootstrap_servers
        if servers is None:
            kafka = stack.enter_context(EmbeddedKafka(directory / "kafka", heap_mb=1024))
            servers = kafka.bootstrap_servers
        worker = ApacheConnect(directory / "connect", servers, chosen, arguments.port)
        stack.enter_context(worker)
        print(f"Apache Connect 4.3.1 at {worker.url}, Kafka at {servers}, log in {worker.log}")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


def _pair(text: str, parser: argparse.ArgumentParser) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        parser.error(f"expected key=value, found {text!r}")
    return key, value


if __name__ == "__main__":
    main()
