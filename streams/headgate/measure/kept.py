"""What was worked out of objects that never change, for whoever asks the same of them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """The last answers, by the identity of what was asked and by the question."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[tuple[int, Hashable], tuple[object, V]] = OrderedDict()

    def get(self, of: object, question: Hashable) -> V | None:
        """The answer, if it is known still."""
        found = self._answers.get((id(of), question))
        return found[1] if found is not None else None

    def keep(self, of: object, question: Hashable, answer: V) -> V:
        """Keep an answer, and with it what was asked: no other object gets its identity."""
        self._answers[id(of), question] = of, answer
        if len(self._answers) > self._size:
            self._answers.popitem(last=False)
        return answer
