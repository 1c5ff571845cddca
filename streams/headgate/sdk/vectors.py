"""The router's test vectors: other languages prove with them that they split alike.

`python -m headgate.sdk.vectors > schemas/vectors/router_hash.json` writes them anew.
"""

from __future__ import annotations

import sys
from typing import Any

import mmh3
import orjson

from headgate.sdk.split import SplitTable

RULE = (
    "hash = murmur3_32 (x86, seed 0, unsigned) of the UTF-8 bytes of salt:model:key; "
    "bucket = (hash * 10000) >> 32 in 64-bit arithmetic; arms take buckets from 0 up, in the "
    "order of weights, as many as their basis points"
)
SPLITS: dict[str, list[tuple[str, int]]] = {
    "canary": [("v2", 500), ("v1", 9_500)],
    "half": [("v2", 5_000), ("v1", 5_000)],
    "three": [("v4", 1), ("v3", 3_333), ("v1", 6_666)],
    "shut": [("v2", 0), ("v1", 10_000)],
    "whole": [("v2", 10_000), ("v1", 0)],
}
SALTS = ("rollout-1", "rollout-2", "", "a:b", "Rollöut-ß")
MODELS = ("customer-support-agent", "übersetzer", "模型")
KEYS = (
    "",
    "0",
    "user-1",
    "user-2",
    "user-12345",
    "a:b:c",
    " leading and trailing ",
    "00000000-0000-4000-8000-000000000000",
    "zoë@example.org",
    "ユーザー42",
    "👩🏽\u200d🚀",
    "e\u0301",
    "\u00e9",
    "null\x00byte",
    "k" * 1_000,
)


def router_hash_vectors() -> dict[str, Any]:
    """Every salt, model and key with its hash, its bucket and its version in each split."""
    tables = {
        (name, salt, model): SplitTable(model, 1, salt, weights)
        for name, weights in SPLITS.items()
        for salt in SALTS
        for model in MODELS
    }
    vectors = [
        {
            "salt": salt,
            "model": model,
            "key": key,
            "hash": mmh3.hash(f"{salt}:{model}:{key}", signed=False),
            "bucket": tables["half", salt, model].bucket(key),
            "versions": {name: tables[name, salt, model].choose(key).version for name in SPLITS},
        }
        for salt in SALTS
        for model in MODELS
        for key in KEYS
    ]
    splits = {
        name: [{"version": version, "weight": weight} for version, weight in weights]
        for name, weights in SPLITS.items()
    }
    return {"rule": RULE, "splits": splits, "vectors": vectors}


def rendered() -> bytes:
    """The file's bytes: one vector a line, so that a change is readable."""
    content = router_hash_vectors()
    lines = b",\n    ".join(orjson.dumps(vector) for vector in content["vectors"])
    head = orjson.dumps({"rule": content["rule"], "splits": content["splits"]})[:-1]
    return head + b',\n  "vectors": [\n    ' + lines + b"\n  ]\n}\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(rendered())
