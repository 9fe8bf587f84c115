"""Vocabulary (component to token) and inverse document frequency."""

from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from seismic.conversion.plain import excerpt
from seismic.errors import InputError


class Vocabulary:
    """The tokens of all components, by component."""

    def __init__(self, tokens: Iterable[str] | pa.Array) -> None:
        self.tokens = tokens if isinstance(tokens, pa.Array) else _as_array(tokens)
        if not (pa.types.is_string(self.tokens.type) or pa.types.is_large_string(self.tokens.type)):
            raise InputError(f"vocabulary: found {self.tokens.type}, expected text for every component")
        if self.tokens.null_count:
            raise InputError("vocabulary: found a null token, expected text for every component")

    @cached_property
    def _components(self) -> dict[str, int]:
        # Built on first use, so that opening an index for vector queries does not pay for it. Shared with vocabularies
        # extended from this one, so it may hold later tokens.
        return {token: component for component, token in enumerate(self.tokens.to_pylist())}

    def check_unique(self) -> None:
        """Raise InputError if two components share a token."""
        if pc.count_distinct(self.tokens).as_py() != len(self):
            seen: set[str] = set()
            for component, token in enumerate(self.tokens.to_pylist()):
                if token in seen:
                    raise InputError(
                        f"vocabulary: token {token!r} of component {component} is a duplicate, expected unique tokens"
                    )
                seen.add(token)

    def extended(self, tokens: pa.Array) -> "Vocabulary":
        """Return a vocabulary with new tokens at the end. Takes time for the new tokens, not for all."""
        longer = Vocabulary(pa.concat_arrays([self.tokens, tokens.cast(self.tokens.type)]))
        if "_components" in self.__dict__:
            components, added = (
                self._components,
                dict(zip(tokens.to_pylist(), range(len(self), len(longer)), strict=True)),
            )
            if len(components) > len(self) and any(components.get(token) != at for token, at in added.items()):
                components = dict(islice(components.items(), len(self)))  # another extension has other tokens there
            components.update(added)
            longer.__dict__["_components"] = components
        return longer

    def starts_with(self, other: "Vocabulary") -> bool:
        """Return whether the first components have the tokens of another vocabulary."""
        if len(other) == len(self):
            return other is self or other.hash == self.hash
        return len(other) < len(self) and Vocabulary(self.tokens[: len(other)]).hash == other.hash

    @cached_property
    def hash(self) -> str:
        """The hex xxh3-128 of the tokens: two vocabularies of equal hash give components the same meaning."""
        tokens = self.tokens.cast(pa.string())
        _, offsets, values = tokens.buffers()
        digest = xxhash.xxh3_128()
        if len(tokens):
            ends = np.frombuffer(offsets, np.int32, len(tokens) + 1, tokens.offset * 4)
            digest.update(np.diff(ends).tobytes())
            digest.update(memoryview(values or b"")[ends[0] : ends[-1]])
        return digest.hexdigest()

    def component(self, token: str) -> int | None:
        """Return the component of a token, or None."""
        component = self._components.get(token)
        return component if component is None or component < len(self.tokens) else None

    def token(self, component: int) -> str | None:
        """Return the token of a component, or None."""
        return self.tokens[component].as_py() if 0 <= component < len(self) else None

    def __len__(self) -> int:
        return len(self.tokens)


def _as_array(tokens: Any) -> pa.Array:
    try:
        if isinstance(tokens, bytes):
            raise TypeError("one text is no list")
        return pa.array(list(tokens), pa.string())
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"vocabulary: found {excerpt(tokens)}, expected a list of tokens ({error})") from None


def inverse_document_frequency(document_frequency: npt.NDArray[np.int64], documents: int) -> npt.NDArray[np.float32]:
    """Return BM25's ln(1 + (n - df + 0.5) / (df + 0.5)) as float32 [dimension], >= 0."""
    ratio = (documents - document_frequency + 0.5) / (document_frequency + 0.5)
    return np.log1p(ratio).astype(np.float32)
