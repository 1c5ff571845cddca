from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from headgate.sdk.split import SplitTable
from headgate.sdk.vectors import rendered
from headgate.vocabulary import split_bucket

FILE = Path(__file__).parents[2] / "schemas" / "vectors" / "router_hash.json"
M32 = 0xFFFFFFFF


def murmur3_32(data: bytes) -> int:
    """MurmurHash3 x86 32-bit, seed 0, from its definition: the second opinion on the vectors."""
    state = 0
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        state ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        state = (((state << 13) | (state >> 19)) * 5 + 0xE6546B64) & M32
    state ^= _mixed(int.from_bytes(data[whole:], "little")) ^ len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = ((state ^ (state >> shift)) * factor) & M32
    return state ^ (state >> 16)


def _mixed(block: int) -> int:
    block = (block * 0xCC9E2D51) & M32
    block = ((block << 15) | (block >> 17)) & M32
    return (block * 0x1B873593) & M32


@pytest.fixture(scope="module")
def content():
    return orjson.loads(FILE.read_bytes())


def test_the_committed_vectors_are_what_the_code_gives():
    assert FILE.read_bytes() == rendered(), (
        "schemas/vectors/router_hash.json differs from the code; a changed hash moves every user. "
        "If that is meant: python -m headgate.sdk.vectors > schemas/vectors/router_hash.json"
    )


def test_the_hashes_are_murmur3_by_its_definition(content):
    for vector in content["vectors"]:
        named = f"{vector['salt']}:{vector['model']}:{vector['key']}"
        assert vector["hash"] == murmur3_32(named.encode()), vector
        assert vector["bucket"] == (vector["hash"] * 10_000) >> 32


def test_the_vectors_hold_for_the_vocabulary_and_for_each_split(content):
    for vector in content["vectors"]:
        salt, model, key = vector["salt"], vector["model"], vector["key"]
        assert split_bucket(salt, model, key) == vector["bucket"]
        for name, arms in content["splits"].items():
            weights = [(arm["version"], arm["weight"]) for arm in arms]
            choice = SplitTable(model, 1, salt, weights).choose(key)
            assert choice.version == vector["versions"][name], vector
            assert choice.bucket == vector["bucket"]


def test_the_vectors_hold_the_awkward_keys(content):
    keys = {vector["key"] for vector in content["vectors"]}
    assert "" in keys
    assert any(len(key) >= 1_000 for key in keys)
    assert any(not key.isascii() for key in keys)
    assert any(ord(letter) > 0xFFFF for key in keys for letter in key)
