"""The contract in files is the contract in types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from headgate.vocabulary import Topic
from headgate.wire import messages
from headgate.wire.codec import BadValueError, Codec, encode
from headgate.wire.messages import MESSAGE_NAMES
from headgate.wire.schemas import differences, main, rendered, schema_of

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
EXAMPLES = SCHEMAS / "examples"
CODECS: dict[str, Codec[Any]] = {
    "outcome": messages.OUTCOME,
    "request": messages.REQUEST,
    "ack": messages.ACK,
    "ledger": messages.ENTRY,
    "control": messages.COMMAND,
    "alert": messages.ALERT,
    "audit": messages.AUDIT,
    "registry": messages.REGISTRY,
    "status": messages.STATUS,
    "dead-letter": messages.DEAD_LETTER,
}
GOOD = sorted(EXAMPLES.glob("*/good-*.json"))
BAD = sorted(EXAMPLES.glob("*/bad-*.json"))
EXPECTED: dict[str, dict[str, dict[str, str]]] = yaml.safe_load((EXAMPLES / "bad.yaml").read_text())


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _validator(kind: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{kind}.v1.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_committed_schemas_are_what_the_types_say() -> None:
    assert differences(SCHEMAS, rendered()) == []
    assert main(["--check"]) == 0


def test_a_schema_that_differs_is_missing_or_stray_is_told_by_name(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "ack.v1.schema.json").write_text("{}")
    (tmp_path / "outcome.v1.schema.json").unlink()
    (tmp_path / "other.schema.json").write_text("{}")
    assert main(["--check", str(tmp_path)]) == 1
    told = " ".join(differences(tmp_path, rendered()))
    assert all(name in told for name in ("ack.v1", "outcome.v1", "other"))


def test_every_topic_has_a_schema_and_examples_of_both_kinds() -> None:
    assert set(MESSAGE_NAMES) == set(Topic)
    for kind in MESSAGE_NAMES.values():
        assert any(path.parent.name == kind for path in GOOD), kind
        assert any(path.parent.name == kind for path in BAD), kind


@pytest.mark.parametrize("path", GOOD, ids=_name)
def test_a_good_example_fits_the_schema_and_the_codec(path: Path) -> None:
    value = json.loads(path.read_text())
    _validator(path.parent.name).validate(value)
    message = CODECS[path.parent.name].decode(path.read_bytes())
    again = json.loads(encode(message))
    assert again.items() <= value.items()


@pytest.mark.parametrize("path", BAD, ids=_name)
def test_a_bad_example_fits_neither_and_the_codec_names_field_and_rule(path: Path) -> None:
    expected = EXPECTED[path.parent.name][path.stem.removeprefix("bad-")]
    with pytest.raises(BadValueError) as caught:
        CODECS[path.parent.name].decode(path.read_bytes())
    assert caught.value.path == expected["path"]
    assert expected["rule"] in caught.value.reason
    assert not _validator(path.parent.name).is_valid(json.loads(path.read_text()))


def test_every_expectation_has_its_example() -> None:
    listed = {f"{kind}/bad-{name}" for kind, rows in EXPECTED.items() for name in rows}
    assert listed == {_name(path) for path in BAD}


def test_schemas_allow_unknown_fields() -> None:
    outcome = schema_of(Topic.OUTCOMES)["$defs"]["Outcome"]
    assert "additionalProperties" not in outcome
