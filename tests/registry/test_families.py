"""Families: public names are known with or without their provider; own patterns come first."""

from __future__ import annotations

import pytest

from headgate.registry.families import family_of


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-4o-2024-08-06", "gpt"),
        ("o3-mini", "openai-o"),
        ("openai/gpt-4.1", "gpt"),
        ("claude-3-5-sonnet-20241022", "claude"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama"),
        ("Meta-Llama-3-70B", "llama"),
        ("mistral-large-latest", "mistral"),
        ("models/gemini-1.5-pro", "gemini"),
        ("Qwen/Qwen2.5-72B-Instruct", "qwen"),
        ("deepseek-ai/DeepSeek-V3", "deepseek"),
    ],
)
def test_a_public_name_has_its_family(name: str, family: str) -> None:
    assert family_of(name) == family


def test_an_unknown_name_is_of_the_family_of_its_first_word() -> None:
    assert family_of("house-7b-v2") == family_of("House-13b") == "house"
    assert family_of("7b") == "7b"


def test_own_patterns_come_before_the_defaults() -> None:
    own = {"gpt-4*": "gpt-4", "acme-*": "acme"}
    assert family_of("gpt-4o", own) == "gpt-4"
    assert family_of("gpt-3.5-turbo", own) == "gpt"
    assert family_of("acme-chat", own) == "acme"
