"""What the shim refuses, and how an exception travels to R."""

from __future__ import annotations

import contextlib
import difflib
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kerasbridge import messages
from kerasbridge.memory import shortage


class ArgumentError(ValueError):
    """A value that the user gave cannot be what the argument needs."""


class UnknownObjectError(ArgumentError):
    """A saved model refers to classes or functions that the session does not know."""


class SubscriptError(IndexError):
    """A subscript does not fit the dimension that it selects from."""


class ThreadError(RuntimeError):
    """R was needed on another thread than its own, which could not run it."""


class ForkError(RuntimeError):
    """A framework was used in a forked copy of the process that had started it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion to append to a message about an unknown `name`; empty without a near one."""
    known = list(known)
    initials = [full for full in known if "".join(part[:1] for part in full.split("_")) == name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6) or initials
    return f" Did you mean `{near[0]}`?" if near else ""


class Failure:
    """An exception on its way to R as a value; R raises it where the user called.

    The exception itself keeps Python's words. `message` is told in R's, and is `known` when a
    rule made it, or this package.
    """

    def __init__(self, error: Exception, one_based: bool = False) -> None:
        self.error = error
        self.message, self.known = _told(error, one_based)

    def raise_again(self) -> None:
        raise self.error


def _told(error: Exception, one_based: bool) -> messages.Told:
    """What `error` says, in R's words.

    R code that Python called may have met it first: then it was told there, by the call that
    knows how its axes are counted.
    """
    said = _said(error)
    for earlier in chain(error):
        told: messages.Told | None = getattr(earlier, "told_in_r", None)
        if told is not None and (earlier is error or str(earlier) in said):
            return told
    if isinstance(error, (ArgumentError, SubscriptError)):
        told = messages.Told(messages.unwrapped(said)[0], True)
    else:
        told = messages.told(said, one_based, _layer(error))
        if not told.text:
            told = messages.Told(type(error).__name__, False)
    with contextlib.suppress(AttributeError):
        error.told_in_r = told  # type: ignore[attr-defined]
    return told


def _said(error: BaseException) -> str:
    """The text of an exception; TensorFlow's have it elsewhere, and Keras then finds none."""
    said = str(error.message) if hasattr(error, "message") else str(error)
    if isinstance(error, KeyError) and len(error.args) == 1:  # Python shows what it lacks, quoted
        said = str(error.args[0])
        said = said if " " in said else f'There is nothing of the name "{said}".'
    earlier = error.__cause__ or error.__context__
    if earlier is not None and not messages.unwrapped(said)[0]:
        return _said(earlier)
    return said


def _layer(error: BaseException) -> str | None:
    """The name of the innermost layer that failed, from the frames in which Keras called it."""
    name = None
    for earlier in chain(error):
        for frame, _ in traceback.walk_tb(earlier.__traceback__):
            if frame.f_code.co_name == "error_handler" and "object_name" in frame.f_locals:
                layer = getattr(frame.f_locals.get("fn"), "__self__", None)
                name = getattr(layer, "name", name)
    return name


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that it was raised for."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def crossed(failure: Failure) -> dict[str, Any] | None:
    """What an error that passed through R code called by Python took along, or ``None``.

    reticulate keeps the parts of the R condition that began it all on the exception that it
    makes, and :mod:`kerasbridge.crossing.entry` the Python frames. Keras and the frameworks may
    have raised other exceptions while they handled that one.
    """
    for error in chain(failure.error):
        if hasattr(error, "r_class") or hasattr(error, "python_frames"):
            return vars(error)
    return None


def guarded(call: Callable[..., Any], one_based: bool = False) -> Callable[..., Any]:
    """`call` for R: what it raises comes back as a :class:`Failure`.

    A call that counts axes from 1, `one_based`, has them told so. Where memory was short, R
    collects, and the call is made once more.
    """
    repeatable = shortage.is_repeatable(call)

    def guard(*values: Any, **named: Any) -> Any:
        try:
            return call(*values, **named)
        except Exception as error:
            if repeatable and shortage.makes_room(error):
                return again(values, named)
            return Failure(error, one_based)

    def again(values: tuple[Any, ...], named: dict[str, Any]) -> Any:
        try:
            return call(*values, **named)
        except Exception as error:
            return Failure(error, one_based)

    return guard
