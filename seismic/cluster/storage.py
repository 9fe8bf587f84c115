"""Shared storage of collections: a folder, or whatever `pyarrow.fs` opens, such as `s3://bucket/prefix`."""

from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import xxhash
from pyarrow import fs

from seismic.errors import CorruptIndexError, IndexNotFoundError, ParameterError
from seismic.store.collection import CURRENT, GENERATIONS
from seismic.store.failures import file_errors, storage_error
from seismic.store.leases import Leases
from seismic.store.manifest import FILE_NAME


class Storage:
    """A collection in shared storage. ``folder``: its folder, or None if it is not in a file system of this machine.

    ``address`` is what messages show: without credentials and options. ``key`` names the storage in a cache.
    """

    def __init__(self, address: str | Path) -> None:
        """Open the storage at an address. Raises ParameterError."""
        scheme, separator, rest = str(address).partition("://")
        if separator:
            shown = f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"
            try:
                self.filesystem, root = fs.FileSystem.from_uri(str(address))
                if not root.strip("/"):
                    raise ValueError("found no bucket or folder")
            except (pa.ArrowException, OSError, ValueError) as error:
                raise ParameterError(
                    f"storage: cannot open {shown}: {error}; expected a folder, or an address such as s3://bucket/prefix"
                ) from None
        elif not str(address):
            raise ParameterError("storage: found an empty address, expected a folder, or s3://bucket/prefix")
        else:
            self.filesystem, root = fs.LocalFileSystem(), str(Path(address).absolute())
            shown = root
        self.root, self.address = root.rstrip("/"), shown
        self.folder = Path(self.root) if isinstance(self.filesystem, fs.LocalFileSystem) else None
        options = "" if self.folder else rest.partition("?")[2]
        self.key = f"{Path(self.root).name}-{xxhash.xxh3_64_hexdigest(f'{scheme}:{self.root}?{options}'.encode())}"
        self.leases = Leases(self.filesystem, self.root)

    def current(self) -> str:
        """Return the id of the served generation. Raises IndexNotFoundError and other kinds of StorageError."""
        try:
            name = self.read(CURRENT).decode(errors="replace").strip()
        except FileNotFoundError:
            raise IndexNotFoundError(
                f"{self.address}: no index there (no {CURRENT}); push one first (seismic cluster push)"
            ) from None
        if not (name.isascii() and name.isdecimal()):
            raise CorruptIndexError(
                f"{self.address}/{CURRENT}: found {name[:40]!r}, expected a generation; push it again"
            )
        return name

    def manifest(self, generation: str) -> bytes | None:
        """Return the manifest of a generation, None if it is not there."""
        try:
            return self.read(f"{GENERATIONS}/{generation}/{FILE_NAME}")
        except FileNotFoundError:
            return None

    def generations(self) -> list[str]:
        """Return the ids of the generations, oldest first."""
        with file_errors("read", self.address):
            found = self.filesystem.get_file_info(fs.FileSelector(self._path(GENERATIONS), allow_not_found=True))
        return sorted((one.base_name for one in found if one.base_name.isdecimal()), key=int)

    def read(self, name: str) -> bytes:
        """Return the bytes of a small file. Raises FileNotFoundError and StorageError."""
        with self.open(name) as file:
            return file.read()

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading. Raises FileNotFoundError and StorageError."""
        try:
            return cast(BinaryIO, self.filesystem.open_input_stream(self._path(name)))
        except FileNotFoundError:
            raise FileNotFoundError(f"{self.address}/{name} is missing") from None
        except OSError as error:
            raise storage_error("read", f"{self.address}/{name}", error) from error

    def create(self, name: str) -> Any:
        """Open a file for writing, which replaces an earlier one once it is closed. Raises StorageError."""
        with file_errors("write", f"{self.address}/{name}"):
            self.filesystem.create_dir(self._path(name).rpartition("/")[0])
            return self.filesystem.open_output_stream(self._path(name))

    def remove(self, generation: str) -> None:
        """Remove a generation, its manifest first, so that nobody opens what is left after an interruption."""
        folder = self._path(f"{GENERATIONS}/{generation}")
        with file_errors("remove", f"{self.address}/{GENERATIONS}/{generation}"):
            if self.filesystem.get_file_info(f"{folder}/{FILE_NAME}").type == fs.FileType.File:
                self.filesystem.delete_file(f"{folder}/{FILE_NAME}")
            self.filesystem.delete_dir(folder)

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"
