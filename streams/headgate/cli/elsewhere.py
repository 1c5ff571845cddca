"""Elsewhere: where a command is that somebody looked for in the wrong group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from headgate.judge.listing import listed

_NO_SUCH = re.compile(r"No such command '(?P<name>[^']+)'\.")
# `headgate stop` is for all models: whoever stops one rollout is never sent there.
CALLED_ELSEWHERE = {"freeze": "pause", "stop": "pause", "abort": "rollback", "revert": "rollback"}


def pointed_to(message: str, whole: Any) -> str:
    """An error's message that says where the command is; `whole` is the group of all commands.

    The same message where there is none of that name, or where it is about something else.
    """
    missing = _NO_SUCH.match(message)
    if missing is None:
        return message
    name = CALLED_ELSEWHERE.get(missing["name"], missing["name"])
    found = [f"'headgate {place}'" for place in _places(whole, name)]
    return f"{missing[0]} Did you mean {listed(found, 'or')}?" if found else message


def _places(group: Any, name: str) -> Iterator[str]:
    for command, one in group.commands.items():
        if command == name:
            yield command
        if hasattr(one, "commands"):
            yield from (f"{command} {place}" for place in _places(one, name))
