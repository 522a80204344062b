"""R functions as the methods of callbacks: R counts epochs and batches from 1, Python from 0."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

Function = Callable[..., Any]

#: The methods whose first argument is the number of an epoch or a batch.
_NUMBERED: Final = re.compile(r"on_(epoch|((train|test|predict)_)?batch)_(begin|end)")


def is_numbered(name: str) -> bool:
    """Is this a method that is told which epoch or batch it is?"""
    return _NUMBERED.fullmatch(name) is not None


def counted(function: Function, first: str, of_object: bool) -> Function:
    """`function`, whose argument `first`, after the object if it is a method, counts from 1."""
    place = int(of_object)

    @functools.wraps(function)
    def count(*args: Any, **kwargs: Any) -> Any:
        if len(args) > place:
            args = (*args[:place], args[place] + 1, *args[place + 1 :])
        elif first in kwargs:
            kwargs[first] += 1
        return function(*args, **kwargs)

    count._counts_from_1 = True  # type: ignore[attr-defined]
    return count


def uncounted(function: Function) -> Function:
    """`function`, which counts from 0, for R code that counts from 1."""

    @functools.wraps(function)
    def count(position: Any, *args: Any, **kwargs: Any) -> Any:
        return function(position - 1, *args, **kwargs)

    return count


def logged(result: Any, given: Sequence[Any]) -> Any:
    """The logs that a callback's method gives back, changed, are what the next callback sees.

    R's list is a copy. A result that lacks one of the logs is something else.
    """
    logs = next((value for value in given if isinstance(value, dict)), None)
    if logs and isinstance(result, dict) and logs.keys() <= result.keys():
        logs.update(result)
    return result


def lambda_callback(
    on_epoch_begin: Any = None,
    on_epoch_end: Any = None,
    on_train_begin: Any = None,
    on_train_end: Any = None,
    on_train_batch_begin: Any = None,
    on_train_batch_end: Any = None,
    **others: Any,
) -> Any:
    """Keras's callback of functions, which are R's."""
    functions = others | {
        "on_epoch_begin": on_epoch_begin,
        "on_epoch_end": on_epoch_end,
        "on_train_begin": on_train_begin,
        "on_train_end": on_train_end,
        "on_train_batch_begin": on_train_batch_begin,
        "on_train_batch_end": on_train_batch_end,
    }
    made = {name: _hook(name, f) if callable(f) else f for name, f in functions.items()}
    return importlib.import_module("keras").callbacks.LambdaCallback(**made)


def _hook(name: str, function: Function) -> Function:
    def hook(*args: Any, **kwargs: Any) -> Any:
        return logged(function(*args, **kwargs), [*args, *kwargs.values()])

    return counted(hook, "", of_object=False) if is_numbered(name) else hook
