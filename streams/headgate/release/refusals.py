"""Refusals: a request that changes nothing says what to do instead."""

from __future__ import annotations


class RefusedError(ValueError):
    """A request that changes nothing: what happened, and what to do instead."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
