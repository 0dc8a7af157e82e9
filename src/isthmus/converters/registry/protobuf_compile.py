"""Protobuf schemas: from the registry's text to descriptors, by protoc.

protoc runs once for each schema, as a process of its own: it says what is wrong on its standard
error, and 7 MB of compiler do not stay in the task. Producers in Python register a descriptor in
Base64 in place of the text; that is taken as it is.
"""

import base64
import binascii
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from isthmus.api.errors import DataError
from isthmus.converters.registry.client import StoredSchema

_MAIN: Final = "isthmus-schema.proto"
_PROTOC_SECONDS: Final = 60.0
#: Warnings of protoc, and of the library with which it logs them.
_LOG_LINE: Final = re.compile(r"WARNING: All log|[IW]\d{4} ")


@dataclass(frozen=True, slots=True)
class ProtobufFile:
    """A compiled schema, with all that it imports."""

    pool: DescriptorPool
    file: FileDescriptor

    def message_at(self, indexes: Sequence[int]) -> Descriptor:
        """Return the message at these places: in the file, in that message, and so on.

        Raises:
            DataError: There is none.
        """
        messages = list(self.file.message_types_by_name.values())
        found: Descriptor | None = None
        for index in indexes:
            if not 0 <= index < len(messages):
                raise DataError(f"the schema has no message at {list(indexes)}")
            found = messages[index]
            messages = list(found.nested_types)
        if found is None:
            raise DataError("the data does not say which message of its schema it is")
        return found

    def params(self, field: FieldDescriptor) -> Mapping[str, str]:
        """Return what `confluent.field_meta` notes beside a field."""
        options = self._options(field)
        if options is None:
            return {}
        extension: Any = self.pool.FindExtensionByName("confluent.field_meta")
        return dict(options.Extensions[extension].params)

    def _options(self, field: FieldDescriptor) -> Any:
        try:
            known = self.pool.FindMessageTypeByName("google.protobuf.FieldOptions")
            self.pool.FindExtensionByName("confluent.field_meta")
        except KeyError:
            return None  # nothing is noted in a schema that does not import confluent/meta.proto
        serialized = field.GetOptions().SerializeToString()
        return GetMessageClass(known).FromString(serialized)


def compile_protobuf(stored: StoredSchema) -> ProtobufFile:
    """Return the descriptors of a text of the registry.

    Raises:
        DataError: It is no Protobuf schema.
    """
    serialized = _serialized(stored.text)
    with tempfile.TemporaryDirectory(prefix="isthmus-protoc-") as directory:
        folder = Path(directory)
        _write_references(folder, stored)
        if serialized is None:
            (folder / _MAIN).write_text(stored.text, encoding="utf-8")
            needed = [_MAIN]
        else:
            needed = list(serialized.dependency)
        compiled = _protoc(folder, needed)
    pool = DescriptorPool()
    for file in compiled:
        pool.Add(file)  # pyright: ignore[reportUnknownMemberType]
    if serialized is not None:
        pool.Add(serialized)  # pyright: ignore[reportUnknownMemberType]
    return ProtobufFile(pool, pool.FindFileByName(serialized.name if serialized else _MAIN))


def _serialized(text: str) -> descriptor_pb2.FileDescriptorProto | None:
    try:
        decoded = base64.b64decode(text, validate=True)
        return descriptor_pb2.FileDescriptorProto.FromString(decoded)
    except (binascii.Error, ValueError, DecodeError):
        return None


def _write_references(folder: Path, stored: StoredSchema) -> None:
    for name, reference in stored.references.items():
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise DataError(f"{name} is no name for a reference of a Protobuf schema")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reference.text, encoding="utf-8")
        _write_references(folder, reference)


def _protoc(folder: Path, names: Sequence[str]) -> Sequence[descriptor_pb2.FileDescriptorProto]:
    if not names:
        return ()
    output = folder / "isthmus-descriptors"
    known = (files("isthmus.converters.registry") / "protos", files("grpc_tools") / "_proto")
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}"]
    command += [f"-I{path}" for path in known]
    command += ["--include_imports", f"--descriptor_set_out={output}", *names]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROTOC_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"protoc could not be run on a Protobuf schema: {error}") from error
    if done.returncode != 0:
        said = done.stderr.replace(f"{folder}/", "").replace(_MAIN, "the schema")
        errors = [line for line in said.splitlines() if not _LOG_LINE.match(line)]
        raise DataError(f"No Protobuf schema: {'; '.join(errors)}")
    return descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file
