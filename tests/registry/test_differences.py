"""Differences of two specs: by field, and in a sentence for on-call."""

from __future__ import annotations

from headgate.registry.differences import Difference, differences, same_content, say_how_asked
from headgate.vocabulary import Status
from headgate.wire.registry import Artifact, Parameters, VersionSpec

ONE = VersionSpec(
    version="v1.0.0",
    base_model="gpt-4o",
    prompt_template="p1",
    parameters=Parameters(temperature=0.2, max_tokens=512),
)
OTHER = VersionSpec(
    version="v1.1.0",
    base_model="gpt-4o",
    prompt_template="p2",
    parameters=Parameters(temperature=0.2, max_tokens=2048, top_p=0.9),
    artifacts=(Artifact(uri="s3://a"),),
    status=Status.STAGING,
)


def test_fields_that_differ_are_rows_by_path() -> None:
    assert differences(ONE, OTHER) == (
        Difference("prompt_template", "p1", "p2"),
        Difference("parameters.max_tokens", 512, 2048),
        Difference("parameters.top_p", None, 0.9),
        Difference("artifacts", None, ({"uri": "s3://a"},)),
    )


def test_version_and_status_are_no_content() -> None:
    same = VersionSpec(**{**{f: getattr(ONE, f) for f in ONE.__struct_fields__}, "version": "v9"})
    assert same_content(ONE, same)
    assert not same_content(ONE, OTHER)


def test_how_versions_are_asked_is_a_sentence() -> None:
    assert say_how_asked(ONE, OTHER) == (
        "Registered differences in prompt and parameters (v1.0.0 -> v1.1.0): "
        "prompt_template p1 -> p2; parameters.max_tokens 512 -> 2048; "
        "parameters.top_p not set -> 0.9."
    )
    assert "alike" in say_how_asked(ONE, ONE)
