"""The built wheel, installed with pip into an empty environment, gives the same as commands."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from tests.support.cluster import Cluster
from tests.support.pip import pip

ROOT = Path(__file__).parents[2]


#: A converter that needs files beside the code, those of `google.type`.
_WRITE_PROTOBUF = """
from datetime import date
from isthmus.api.logical import DATE
from isthmus.api.schema import struct_schema
from isthmus.api.struct import Struct
from isthmus.converters.registry.protobuf import ProtobufConverter

converter = ProtobufConverter()
converter.configure({"schema.registry.url": "mock://wheel"}, is_key=False)
schema = struct_schema(("day", DATE))
print(converter.from_connect("t", schema, Struct(schema, day=date(1969, 12, 31))).hex())
"""


def run(command: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [command, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        cwd="/",
    )
    return done.returncode, done.stdout + done.stderr


def test_the_wheel_brings_worker_and_quickstart(cluster: Cluster, tmp_path: Path) -> None:
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("isthmus-*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    commands = tmp_path / "venv" / "bin"

    pip(commands / "python", "install", str(wheel))

    package = ROOT / "src" / "isthmus"
    sources = {
        f"isthmus/{path.relative_to(package)}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        samples = {
            f"isthmus/embedded/connect-{mode}.properties" for mode in ("distributed", "standalone")
        }
        assert (sources | samples) - set(archive.namelist()) == set()
    code, text = run(commands / "python", "-c", _WRITE_PROTOBUF)
    assert (code, text) == (0, "0000000001000a0708b10f100c181f\n"), text

    code, text = run(commands / "isthmus", "--version")
    assert code == 0
    assert "Kafka Connect 4.3.1" in text
    code, text = run(commands / "isthmus", "quickstart", "--help")
    assert code == 0
    assert "--once" in text
    properties = tmp_path / "worker.properties"
    wrong = {**cluster.properties, "tasks.shutdown": "1", "offset.flush.interval.ms": "x"}
    properties.write_text("".join(f"{key}={value}\n" for key, value in wrong.items()))
    code, text = run(commands / "connect-distributed", str(properties))
    assert code == 2
    assert "Invalid value x for configuration offset.flush.interval.ms" in text
