"""Messages of the Common Index File Format (Lin et al., arXiv 2003.08276) and their framing.

A file is a Header, posting lists and document records, each message prefixed with its length as a varint. The messages
live in a descriptor pool of their own, so that another definition in the process does not conflict. Generated code
would be tied to one major version of protobuf.
"""

from itertools import count
from typing import Any, BinaryIO, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from seismic_tools.readers.batch import BrokenFileError

VERSION = 1
LARGEST = (1 << 31) - 1
"""Largest impact, document number and message length: all are signed 32-bit integers."""

Message: TypeAlias = Any

_FIELDS: dict[str, dict[str, str]] = {
    "Header": {
        "version": "INT32",
        "num_postings_lists": "INT32",
        "num_docs": "INT32",
        "total_postings_lists": "INT32",
        "total_docs": "INT32",
        "total_terms_in_collection": "INT64",
        "average_doclength": "DOUBLE",
        "description": "STRING",
    },
    "Posting": {"docid": "INT32", "tf": "INT32"},
    "PostingsList": {"term": "STRING", "df": "INT64", "cf": "INT64", "postings": "MESSAGE"},
    "DocRecord": {"docid": "INT32", "collection_docid": "STRING", "doclength": "INT32"},
}
"""Message -> its fields, numbered from 1. The `docid` of a posting is the gap to the previous posting."""


def _classes() -> dict[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(name="ciff.proto", package="io.osirrc.ciff", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in zip(count(1), fields.items(), strict=False):
            added = message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            added.type = kinds.Type.Value(f"TYPE_{kind}")
            if kind == "MESSAGE":
                added.label, added.type_name = kinds.LABEL_REPEATED, ".io.osirrc.ciff.Posting"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"io.osirrc.ciff.{name}")) for name in _FIELDS
    }


_CLASSES = _classes()
Header, PostingsList, DocRecord = (_CLASSES[name] for name in ("Header", "PostingsList", "DocRecord"))


def read_message(file: BinaryIO, kind: type[Message], what: str) -> Message:
    """Read the next message; BrokenFileError, naming `what`, if it is missing or damaged."""
    length = _read_varint(file, what)
    data = file.read(length)
    if len(data) < length:
        raise BrokenFileError(f"{what} needs {length:,} bytes, but {len(data):,} are left")
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise BrokenFileError(f"{what} is damaged: {error}") from None


def _read_varint(file: BinaryIO, what: str) -> int:
    value = 0
    for shift in range(0, 35, 7):
        byte = file.read(1)
        if not byte:
            raise BrokenFileError(f"{what} is missing; the file ends")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            break
    if not value <= LARGEST:
        raise BrokenFileError(f"{what} is damaged: found a length of {value:,}")
    return value


def write_message(file: BinaryIO, message: Message) -> None:
    """Append a message with its length."""
    data = message.SerializeToString()
    length, prefix = len(data), bytearray()
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    file.write(prefix + data)
