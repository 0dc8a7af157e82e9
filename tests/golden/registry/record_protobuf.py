"""Records what Google's Protobuf for Java reads of our bytes, and what it writes of that.

    python -m tests.golden.registry.record_protobuf

Needs a JDK on PATH. The jars are those of the schema registry that the tests start.
"""

import json
import os
import subprocess
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor

from isthmus.converters.registry.client import StoredSchema
from isthmus.converters.registry.protobuf_compile import compile_protobuf
from isthmus.converters.registry.protobuf_from_connect import protobuf_text
from isthmus.converters.registry.protobuf_options import ProtobufOptions
from isthmus.converters.registry.protobuf_write import ProtobufWriting
from tests.support.protobuf_cases import CASES
from tests.support.registry import unpacked

HERE = Path(__file__).parent
JARS = ("com.google.protobuf.protobuf-java-",)


def descriptors(file: FileDescriptor) -> list[FileDescriptor]:
    """Return a file behind all that it imports."""
    found: list[FileDescriptor] = []
    for imported in file.dependencies:
        found += [one for one in descriptors(imported) if one not in found]
    return [*found, file]


def main() -> None:
    options = ProtobufOptions()
    asked: list[tuple[str, str, str, str]] = []
    for name, (schema, value) in CASES.items():
        text = protobuf_text(schema, options).text
        compiled = compile_protobuf(StoredSchema("PROTOBUF", text, {}))
        data = ProtobufWriting(options, strict=True).writer(schema, compiled.message_at([0]))(value)
        files = descriptor_pb2.FileDescriptorSet()
        for file in descriptors(compiled.file):
            file.CopyToProto(files.file.add())
        asked.append((name, text, files.SerializeToString().hex(), data.hex()))
    folder = unpacked() / "lib" / "main"
    jars = [str(jar) for jar in sorted(folder.iterdir()) if jar.name.startswith(JARS)]
    done = subprocess.run(
        ["java", "-cp", os.pathsep.join(jars), str(HERE / "ReadProtobuf.java")],
        input="".join(f"{files}\t{data}\n" for _, _, files, data in asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    with (HERE / "protobuf.jsonl").open("w", encoding="utf-8") as file:
        for (name, text, _, data), answer in zip(asked, done.stdout.splitlines(), strict=True):
            read, _, written = answer.partition("\t")
            line = {
                "case": name,
                "schema": text,
                "ours": data,
                "java_reads": read,
                "java_writes": written,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
