"""Write rows of Arrow columns as JSON, straight from their buffers and byte for byte as orjson does.

A column is a node: a row of a table of int64. Nodes of lists and dictionaries refer to the node of their values.
"""

from typing import NamedTuple

import numpy as np

from seismic.kernels.arrays import I64, U8
from seismic.kernels.jit import jit
from seismic.kernels.memory import LANES, copy_plain, int8_at, integer_at

KIND, WIDTH, VALIDITY, OFFSET, ENDS, VALUES, SIZE, CHILD = range(8)
"""Fields of a node. ``VALIDITY``: address of the bitmap, 0 if no row is null; ``OFFSET``: its first bit, and that of
booleans. ``ENDS``: address of the offsets of texts and lists. ``VALUES``: address of numbers, codes, bits or text.
``SIZE``: number of the bytes of a text, or of the values of a list or dictionary. ``CHILD``: node of these values.
``WIDTH``: bytes of a number, code or offset."""

FIELDS = 8

NULL, BOOLEAN, SIGNED, UNSIGNED, TEXT, LIST, CODED, GIVEN = range(8)
"""Kinds of nodes. ``GIVEN``: JSON that the caller has made."""

LARGER, UNUSUAL = -1, -2
"""In place of a length: the JSON may not fit, or values are damaged, which `Documents.payloads` reports."""

MOST_DIGITS = 24
"""Room for a number, a word or punctuation."""

ESCAPED = 6
"""Most bytes of JSON per byte of text."""


class Rows(NamedTuple):
    """The rows to write: ``numbers`` int64, document numbers up to the first negative one. ``scores`` uint8: JSON list
    of as many numbers or more."""

    numbers: I64
    scores: U8


class Table(NamedTuple):
    """Columns by batch. ``ends`` int64 [batches]: the document number after each batch. ``nodes`` int64 [n, FIELDS].

    ``roots`` int64 [batches, columns]: node of each column; the first is the id. ``names`` uint8: what precedes each
    column, the score after the id, and what ends a row, up to ``name_ends`` int64 [columns + 2].
    """

    ends: I64
    nodes: I64
    roots: I64
    names: U8
    name_ends: I64


class Given(NamedTuple):
    """JSON of cells that are GIVEN, in order of writing: ``text`` uint8, up to ``ends`` int64 [cells + 1] from 0."""

    text: U8
    ends: I64


LEAST = -(1 << 63)

HEXADECIMAL = np.frombuffer(b"0123456789abcdef", np.uint8)
ESCAPES = np.zeros(128, np.uint8)
for _byte, _letter in zip(b'"\\\b\f\n\r\t', b'"\\bfnrt', strict=True):
    ESCAPES[_byte] = _letter


@jit(allocates=False)
def write_rows(rows: Rows, table: Table, given: Given, out: U8) -> int:
    """Write a JSON list of rows to `out`; return its length, LARGER or UNUSUAL."""
    out[0] = 0x5B
    at, score, used, columns = 1, 1, 0, table.roots.shape[1]
    for number in rows.numbers:
        if number < 0:
            break
        batch, first = 0, 0
        while batch < len(table.ends) and table.ends[batch] <= number:
            first = table.ends[batch]
            batch += 1
        if batch == len(table.ends):
            return UNUSUAL
        if at > 1:
            out[at] = 0x2C
            at += 1
        for column in range(columns):
            if column == 1:  # the score comes after the id
                at, score = _write_score(rows, table, out, at, score)
            name = column if column == 0 else column + 1
            at = _copy(table.names, table.name_ends[name - 1] if name else 0, table.name_ends[name], out, at)
            if at < 0:
                return at
            node = table.roots[batch, column]
            if table.nodes[node, KIND] == GIVEN:
                at = _copy(given.text, given.ends[used], given.ends[used + 1], out, at)
                used += 1
            else:
                at = _write_cell(table.nodes, node, number - first, out, at)
            if at < 0:
                return at
        if columns == 1:
            at, score = _write_score(rows, table, out, at, score)
        at = _copy(table.names, table.name_ends[columns], table.name_ends[columns + 1], out, at)
        if at < 0:
            return at
    out[at] = 0x5D
    return at + 1


@jit(allocates=False)
def _write_score(rows: Rows, table: Table, out: U8, at: int, score: int) -> tuple[int, int]:
    """Write the next score; return where to go on in both."""
    at, last = _copy(table.names, table.name_ends[0], table.name_ends[1], out, at), score
    while last < len(rows.scores) and rows.scores[last] != 0x2C and rows.scores[last] != 0x5D:
        last += 1
    if at < 0:
        return at, last
    return _copy(rows.scores, score, last, out, at), last + 1


@jit(allocates=False)
def _copy(source: U8, start: int, end: int, out: U8, at: int) -> int:
    """Copy source[start:end]; `at` may be negative, which stays."""
    if at < 0:
        return at
    if at + end - start + MOST_DIGITS > len(out):
        return LARGER
    for place in range(start, end):
        out[at + place - start] = source[place]
    return at + end - start


@jit(allocates=False)
def _write_cell(nodes: I64, node: int, row: int, out: U8, at: int) -> int:
    """Write a value; lists have values that are no lists."""
    if nodes[node, KIND] != LIST or not _is_valid(nodes, node, row):
        return _write_value(nodes, node, row, out, at)
    first, last = _ends(nodes, node, row)
    if first < 0 or last < first or last > nodes[node, SIZE]:
        return UNUSUAL
    out[at] = 0x5B
    at += 1
    for element in range(first, last):
        if element > first:
            out[at] = 0x2C
            at += 1
        at = _write_value(nodes, nodes[node, CHILD], element, out, at)
        if at < 0:
            return at
    out[at] = 0x5D
    return at + 1


@jit(allocates=False)
def _write_value(nodes: I64, node: int, row: int, out: U8, at: int) -> int:
    """Write a value that is no list."""
    if at + 2 * MOST_DIGITS > len(out):
        return LARGER
    if nodes[node, KIND] == CODED and _is_valid(nodes, node, row):
        code = _number(nodes, node, row)
        if code < 0 or code >= nodes[node, SIZE]:
            return UNUSUAL
        node, row = nodes[node, CHILD], code
    kind = nodes[node, KIND]
    if kind == NULL or not _is_valid(nodes, node, row):
        return _write_word(0x6C6C756E, 4, out, at)  # null
    if kind == BOOLEAN:
        if _bit(nodes[node, VALUES], nodes[node, OFFSET] + row):
            return _write_word(0x65757274, 4, out, at)  # true
        return _write_word(0x65736C6166, 5, out, at)  # false
    if kind == TEXT:
        first, last = _ends(nodes, node, row)
        if first < 0 or last < first or last > nodes[node, SIZE]:
            return UNUSUAL
        return _write_text(nodes[node, VALUES] + first, last - first, out, at)
    value = _number(nodes, node, row)
    if value == LEAST or (value < 0 and kind == UNSIGNED):
        return UNUSUAL  # beyond int64, or its negative is
    if value < 0:
        out[at] = 0x2D
        return _write_digits(-value, out, at + 1)
    return _write_digits(value, out, at)


@jit(allocates=False)
def _bit(address: int, place: int) -> bool:
    return (int8_at(address + (place >> 3)) >> (place & 7)) & 1 != 0


@jit(allocates=False)
def _is_valid(nodes: I64, node: int, row: int) -> bool:
    return nodes[node, VALIDITY] == 0 or _bit(nodes[node, VALIDITY], nodes[node, OFFSET] + row)


@jit(allocates=False)
def _number(nodes: I64, node: int, row: int) -> int:
    """Return an integer or code; negative if it is an unsigned one from 2^63 on."""
    width = nodes[node, WIDTH]
    value = integer_at(nodes[node, VALUES] + row * width, width)
    if nodes[node, KIND] == SIGNED or width == 8:
        return value
    return value & ((1 << (8 * width)) - 1)


@jit(allocates=False)
def _ends(nodes: I64, node: int, row: int) -> tuple[int, int]:
    """Return where a text or list begins and ends in its values."""
    width = nodes[node, WIDTH]
    address = nodes[node, ENDS] + row * width
    return integer_at(address, width), integer_at(address + width, width)


@jit(allocates=False)
def _write_word(letters: int, count: int, out: U8, at: int) -> int:
    """Write the lowest bytes of `letters`, from the lowest one up."""
    for place in range(count):
        out[at + place] = (letters >> (8 * place)) & 0xFF
    return at + count


@jit(allocates=False)
def _write_digits(value: int, out: U8, at: int) -> int:
    digits, rest = 1, value // 10
    while rest:
        digits, rest = digits + 1, rest // 10
    for place in range(at + digits - 1, at - 1, -1):
        out[place] = 0x30 + value % 10
        value //= 10
    return at + digits


@jit(allocates=False)
def _write_text(address: int, size: int, out: U8, at: int) -> int:
    """Write a text of `size` bytes in quotes; UNUSUAL if it is not UTF-8."""
    if at + ESCAPED * size + LANES + MOST_DIGITS > len(out):
        return LARGER
    out[at] = 0x22
    at, place = at + 1, 0
    while place < size:
        if place + LANES <= size:
            plain = copy_plain(address + place, out, at)
            at, place = at + plain, place + plain
            if plain == LANES:
                continue
        byte = int8_at(address + place) & 0xFF
        if byte >= 0x80:
            length = _length_of_character(address + place, size - place)
            if length == 0:
                return UNUSUAL
            for follower in range(length):
                out[at + follower] = int8_at(address + place + follower) & 0xFF
            at, place = at + length, place + length
        else:
            at, place = _write_byte(byte, out, at), place + 1
    out[at] = 0x22
    return at + 1


@jit(allocates=False)
def _write_byte(byte: int, out: U8, at: int) -> int:
    """Write an ASCII character, escaped if JSON requires it."""
    if byte >= 0x20 and byte != 0x22 and byte != 0x5C:
        out[at] = byte
        return at + 1
    if ESCAPES[byte]:
        out[at], out[at + 1] = 0x5C, ESCAPES[byte]
        return at + 2
    at = _write_word(0x3030755C, 4, out, at)  # \u00
    out[at], out[at + 1] = HEXADECIMAL[byte >> 4], HEXADECIMAL[byte & 15]
    return at + 2


@jit(allocates=False)
def _length_of_character(address: int, left: int) -> int:
    """Return the bytes of a character of UTF-8 beyond ASCII, 0 if there is none."""
    first = int8_at(address) & 0xFF
    length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0xC2 or first > 0xF4 or length > left:
        return 0
    second = int8_at(address + 1) & 0xFF
    least = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
    most = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
    if second < least or second > most:
        return 0
    for follower in range(2, length):
        if int8_at(address + follower) & 0xC0 != 0x80:
            return 0
    return length
