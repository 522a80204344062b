"""What the shim refuses, and how a framework's message is told in R's words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from kerasbridge.memory import shortage


class ArgumentError(ValueError):
    """A value that the user gave cannot be what the argument needs."""


class UnknownObjectError(ArgumentError):
    """A saved model refers to classes or functions that the session does not know."""


class SubscriptError(IndexError):
    """A subscript does not fit the dimension that it selects from."""


_R_WORDS: Final = {"None": "NULL", "True": "TRUE", "False": "FALSE"}
_WORD = re.compile(r"(?<![\w.'\"])(None|True|False)(?![\w'\"])")
_AXIS = re.compile(r"\b(axis|dim|axes)(\s*=\s*|\s+)(\d+)\b(?!\.)")


def in_r_words(message: str, one_based: bool) -> str:
    """Tell a Python message in R: ``NULL`` for ``None``, and axes counted from 1.

    Only a call whose axes were converted on the way in (`one_based`) has them converted back.
    """
    message = _WORD.sub(lambda match: _R_WORDS[match[1]], message)
    if one_based:
        message = _AXIS.sub(_counted_from_1, message)
    return message


def _counted_from_1(match: re.Match[str]) -> str:
    between = " = " if "=" in match[2] else match[2]
    return f"{match[1]}{between}{int(match[3]) + 1}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion to append to a message about an unknown `name`; empty without a near one."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean `{near[0]}`?" if near else ""


def retold(error: Exception, one_based: bool) -> Exception:
    """The same error with its message in R's words; types with other constructors stay as is."""
    if len(error.args) == 1 and isinstance(error.args[0], str):
        told = in_r_words(error.args[0], one_based)
        if told != error.args[0]:
            error.args = (told,)
    return error


class Failure:
    """An exception on its way to R as a value; R raises it where the user called."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def raise_again(self) -> None:
        raise self.error


def crossed(failure: Failure) -> dict[str, Any] | None:
    """What an error that passed through R code called by Python took along, or ``None``.

    reticulate keeps the parts of the R condition that began it all on the exception that it
    makes, and :mod:`kerasbridge.crossing.entry` the Python frames. Keras and the frameworks may
    have raised other exceptions while they handled that one.
    """
    error: BaseException | None = failure.error
    while error is not None:
        if hasattr(error, "r_class") or hasattr(error, "python_frames"):
            return vars(error)
        error = error.__cause__ or error.__context__
    return None


def guarded(
    call: Callable[..., Any], tell: Callable[[Exception], Exception] | None = None
) -> Callable[..., Any]:
    """`call` for R: what it raises comes back as a :class:`Failure`, as `tell` tells it.

    Where memory was short, R collects, and the call is made once more.
    """
    repeatable = shortage.is_repeatable(call)

    def guard(*values: Any, **named: Any) -> Any:
        try:
            return call(*values, **named)
        except Exception as error:
            if repeatable and shortage.makes_room(error):
                return again(values, named)
            return Failure(error if tell is None else tell(error))

    def again(values: tuple[Any, ...], named: dict[str, Any]) -> Any:
        try:
            return call(*values, **named)
        except Exception as error:
            return Failure(error if tell is None else tell(error))

    return guard
