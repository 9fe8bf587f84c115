import ctypes
import mmap
import re
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import ir

from seismic.kernels import signature
from seismic.kernels.cpu import Form
from tests import samples
from tests.kernels.conftest import needs, rebuilt, signed

FORMS = [pytest.param("avx512", marks=needs("avx512")), pytest.param("shuffle", marks=needs("shuffle"))]
KINDS = [np.uint16, np.uint32]


def mask_of(components: Any, start: int, remaining: int, table: Any) -> int:
    return signature_mask(components, start, remaining, table)  # type: ignore[name-defined, no-any-return]  # noqa: F821


MASKS: dict[Form, Callable[..., int]] = {form: rebuilt(mask_of, form) for form in ("avx512", "shuffle")}


def places(form: Form, component: int) -> list[tuple[int, int]]:
    """Return the bytes and the bit of a component in a signature, by the form's definition."""
    hashed = component * 40503 % 65536
    if form == "avx512":
        return [(hashed // 4 % 64, hashed % 8), (64 + hashed // 256 % 64, hashed % 8)]
    return [(16 * table + hashed // 16 ** (table + 1) % 16, hashed % 8) for table in range(3)]


def expected_mask(form: Form, components: Any, table: Any) -> int:
    bits = np.unpackbits(table.reshape(128, 1), axis=1, bitorder="little")
    passes = [all(bits[place] for place in places(form, component)) for component in components.tolist()]
    return sum(1 << lane for lane, passed in enumerate(passes) if passed)


@pytest.mark.parametrize("form", FORMS)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=60))
def test_marking_sets_the_bits_of_every_component(form: Form, components: list[int]) -> None:
    expected = np.zeros(128, np.uint8)
    for component in components:
        for byte, bit in places(form, component):
            expected[byte] |= 1 << bit
    assert signed(signature.MARKS[form], np.array(components, np.uint32)).tolist() == expected.tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_the_mask_has_the_bits_of_passing_components(
    form: Form, kind: type[np.unsignedinteger[Any]], data: st.DataObject
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    components = rng.integers(0, np.iinfo(kind).max, 200, kind, endpoint=True)
    components = np.frombuffer(b"." + components.tobytes(), kind, offset=1)  # the weakest alignment that Arrow allows
    ones = rng.random((128, 8)) < data.draw(st.sampled_from([0, 0.1, 0.5, 1]))
    table = np.packbits(ones, axis=1, bitorder="little").ravel()
    query = rng.choice(components, 10)
    table |= signed(signature.MARKS[form], query)
    start, remaining = data.draw(st.integers(0, 199)), data.draw(st.integers(1, 100))
    remaining = min(remaining, 200 - start)
    samples.readonly((components,))
    found = MASKS[form](components, start, remaining, table)
    block = components[start : start + min(64, remaining)]
    assert found == expected_mask(form, block, table)
    assert all(found >> lane & 1 for lane in np.flatnonzero(np.isin(block, query)).tolist())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_reads_nothing_beyond_the_array(form: Form, kind: type[np.unsignedinteger[Any]]) -> None:
    with mmap.mmap(-1, 2 * mmap.PAGESIZE) as pages:
        array = np.frombuffer(pages, kind, mmap.PAGESIZE // np.dtype(kind).itemsize)
        beyond = ctypes.c_void_p(array.ctypes.data + mmap.PAGESIZE)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(beyond, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0  # reads there end the process
        table = np.full(128, 255, np.uint8)
        for remaining in (1, 31, 63, 64):
            assert MASKS[form](array, len(array) - remaining, remaining, table) == (1 << remaining) - 1
        short = array[-5:]  # shorter than a vector
        assert MASKS[form](short, 2, 3, table) == 0b111
        del array, short


@pytest.mark.parametrize("form", FORMS)
def test_few_others_pass(form: Form) -> None:
    rng = np.random.default_rng(0)
    components = rng.permutation(30_000).astype(np.uint16)
    table = signed(signature.MARKS[form], components[:22])
    others = components[22:]
    passed = sum(MASKS[form](others, at, len(others) - at, table).bit_count() for at in range(0, len(others), 64))
    assert passed / len(others) < 0.02


def test_the_shuffle_form_compiles_for_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check Arm's instructions, all that other CPUs can check."""
    monkeypatch.setattr(signature, "ARM", True)
    triple = "aarch64-unknown-linux-gnu"
    module = ir.Module()
    module.triple = triple
    ids, table = ir.VectorType(ir.IntType(16), 64), ir.IntType(8).as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.IntType(64), [ids, table]), "hits")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(signature._hits_16(builder, *function.args))
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu="generic", opt=3)
    assembly = machine.emit_assembly(llvm.parse_assembly(str(module)))
    words = re.findall(r"^\t([a-z]\w*)", assembly, re.MULTILINE)
    assert words.count("tbl") == 16
    assert words.count("addp") == 4
    assert len(words) < 100  # nothing was split into lanes
