"""Model families: which base models are of one kind, by patterns over their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

# Pattern over the name in lower case, without provider and path -> family; the first match counts.
DEFAULTS: Mapping[str, str] = {
    "gpt-oss*": "gpt-oss",
    "gpt*": "gpt",
    "chatgpt*": "gpt",
    "o[1-9]*": "openai-o",
    "claude*": "claude",
    "codellama*": "llama",
    "llama*": "llama",
    "meta-llama*": "llama",
    "mistral*": "mistral",
    "open-mistral*": "mistral",
    "mixtral*": "mixtral",
    "open-mixtral*": "mixtral",
    "ministral*": "mistral",
    "codestral*": "mistral",
    "magistral*": "mistral",
    "gemini*": "gemini",
    "gemma*": "gemma",
    "qwen*": "qwen",
    "qwq*": "qwen",
    "deepseek*": "deepseek",
    "phi*": "phi",
    "command*": "command",
    "grok*": "grok",
    "nova*": "nova",
    "kimi*": "kimi",
    "glm*": "glm",
    "falcon*": "falcon",
    "granite*": "granite",
}
_STEM = re.compile(r"[a-z]+")


def family_of(base_model: str, patterns: Mapping[str, str] | None = None) -> str:
    """The family of a base model: by own patterns first, then by the defaults.

    Patterns are shell patterns. A name that none of them knows is of the family of its first word.
    """
    full = base_model.lower()
    names = (full, *_shorter(full))
    for known in (patterns or {}, DEFAULTS):
        for pattern, family in known.items():
            if any(fnmatchcase(name, pattern.lower()) for name in names):
                return family
    found = _STEM.match(names[-1])
    return found.group() if found else names[-1]


def _shorter(name: str) -> tuple[str, ...]:
    """The name without its path, and without the providers in front: `us.anthropic.claude-3`."""
    last = name.rstrip("/").rsplit("/", 1)[-1]
    bare = re.sub(r"^(?:[a-z-]+\.)+", "", last)
    return (last, bare) if bare else (last,)
