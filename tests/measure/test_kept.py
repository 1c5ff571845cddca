"""Kept answers: by what was asked, and no more of them than there is room for."""

from __future__ import annotations

from headgate.measure.kept import Kept


def test_an_answer_is_that_of_the_very_object() -> None:
    kept = Kept[str](2)
    one, same = [1], [1]
    assert kept.keep(one, "how many?", "one") == "one"
    assert kept.get(one, "how many?") == "one"
    assert kept.get(one, "which?") is None
    assert kept.get(same, "how many?") is None


def test_the_oldest_answers_go() -> None:
    kept = Kept[int](2)
    asked = [object() for _ in range(3)]
    for number, of in enumerate(asked):
        kept.keep(of, "", number)
    assert [kept.get(of, "") for of in asked] == [None, 1, 2]
