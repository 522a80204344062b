"""A framework that has no memory left: R may hold what it has long let go of."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, Final, TypeVar

from kerasbridge.memory import watch

#: What the frameworks call their errors, and what those say that have a name for many things.
_NAMES: Final = frozenset({"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"})
_WORDS: Final = ("RESOURCE_EXHAUSTED", "out of memory", "can't allocate memory")


def is_shortage(error: BaseException) -> bool:
    """Does the error say that memory is out?"""
    if any(cls.__name__ in _NAMES for cls in type(error).__mro__):
        return True
    if hasattr(error, "r_class"):  # R code that Python has called says so
        return False
    named = type(error).__name__ in ("RuntimeError", "JaxRuntimeError", "XlaRuntimeError")
    return named and any(words in str(error) for words in _WORDS)


def makes_room(error: BaseException) -> bool:
    """Has R collected, so that what ended in `error` may be tried once more?"""
    if not is_shortage(error):
        return False
    traceback.clear_frames(error.__traceback__)  # they hold what the call had made so far
    return watch.relieve()


_Call = TypeVar("_Call", bound=Callable[..., Any])

#: What has done some of its work when it fails, and would do that twice.
_ONCE: Final[set[Callable[..., Any]]] = set()


def once(call: _Call) -> _Call:
    """`call`, which changes something, or calls the user's code, and is never tried again."""
    _ONCE.add(call)
    return call


def is_repeatable(call: Callable[..., Any]) -> bool:
    """May `call` be tried once more?"""
    return call not in _ONCE
