"""What crosses between the languages when Python calls R: numbers on the way in, errors out.

An error of R code that Python called becomes a Python exception at the border, and so does every
Python exception on its way through R. There, once, the Python frames under way are noted on the
exception: Keras and JAX remove their own from its traceback later, and R's trace has none.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import FrameType
from typing import Any, Final

import numpy as np

from kerasbridge.crossing import callables, interrupts, threads

Classes = Callable[[Any], list[str]]

#: Classes of R conditions that say nothing more than that there was an error.
_UNSPECIFIC: Final = frozenset({"simpleError", "error", "condition"})

#: Types whose objects cross as they are: most arguments are of these, and all are asked at once.
_AS_THEY_ARE: Final[set[type]] = set()

#: The module through which Python calls R.
_R_CALLS: Final = "rpytools.call"

#: What an entry takes of the calls that Python nests, at most. At its limit Python has none left to
#: tell of it.
_FRAMES: Final = 7
_ENDLESS: Final = "R and Python call each other without an end: infinite recursion?"

#: Modules whose frames lead to the error, but say nothing about it.
_HIDDEN: Final = (
    "functools",
    "jax._src",
    "keras.src.utils.traceback_utils",
    "kerasbridge",
    "tensorflow",
    "torch",
)


def install(classes: Classes, door: Any, door_to_python: Any) -> None:
    """Be there wherever Python calls R; `classes` reads the class of an R condition.

    `door` and `door_to_python` are the R functions that take the function and its arguments; the
    second is for functions whose arguments stay Python's.
    """
    calls: Any = importlib.import_module(_R_CALLS)
    doors = callables.r_function(door_to_python), callables.r_function(door)
    calls.call_r_function = crossing(calls.call_r_function, classes, doors)
    threads.pull_on_main_thread(importlib.import_module("rpytools.generator").RGenerator)


def crossing(
    call: Callable[..., Any], classes: Classes, doors: tuple[Any, Any]
) -> Callable[..., Any]:
    """`call`, by which reticulate calls the R function that is its first argument.

    It is called through one of the `doors`: the second where R gets its own values, the first
    where it gets Python's objects.
    """
    to_r = ctypes.pythonapi.PyCapsule_GetContext
    to_r.argtypes, to_r.restype = (ctypes.py_object,), ctypes.c_bool
    as_they_are = _AS_THEY_ARE.issuperset
    elsewhere, entered, limit = threads.elsewhere, interrupts.entered, sys.getrecursionlimit

    def call_r_function(function: Any, *args: Any, **kwargs: Any) -> Any:
        if elsewhere():
            name = callables.name_of_frame(sys._getframe(1))
            return threads.on_main_thread(lambda: call_r_function(function, *args, **kwargs), name)
        if not as_they_are(map(type, args)):
            args = tuple(map(_number, args))
        if len(entered) >= limit() // _FRAMES:
            raise RecursionError(_ENDLESS)
        entered.append(object())
        try:
            if kwargs:  # an empty dictionary would be made an R list
                return call(doors[to_r(function)], function, *args, **kwargs)
            return call(doors[to_r(function)], function, *args)
        except Exception as error:
            if hasattr(error, "python_frames"):
                raise
            error.python_frames = _segments(error)  # type: ignore[attr-defined]
            classed = _classed(error, classes)
            if classed is error:
                raise
            raise classed from None
        finally:
            entered.pop()

    return call_r_function


def _number(x: Any) -> Any:
    """A NumPy array without dimensions as the number that it is, which R's arrays cannot be;
    and a number of JAX's own kind, as `grad` passes it, as Python's."""
    kind: type = type(x)
    if kind is np.ndarray:
        return x if x.ndim else x[()]
    plain = _plain(kind)
    if plain is None:
        _AS_THEY_ARE.add(kind)
        return x
    return plain(x)


@cache
def _plain(kind: type) -> Callable[[Any], Any] | None:
    if kind.__module__ == "jax._src.literals":
        return next((plain for plain in (float, int, complex) if issubclass(kind, plain)), None)
    return None


def _classed(error: Exception, classes: Classes) -> Exception:
    """An R condition as an exception of its own classes, which R finds again.

    reticulate makes a ``RuntimeError`` of every R condition, and R a condition of the classes
    that the exception has.
    """
    if not hasattr(error, "r_class"):
        return error
    names = tuple(name for name in classes(error.r_class) if name not in _UNSPECIFIC)
    if not names:
        return error
    classed = _exception(names)(*error.args)
    vars(classed).update(vars(error))
    return classed.with_traceback(error.__traceback__)


@cache
def _exception(names: tuple[str, ...]) -> type[Exception]:
    """A ``RuntimeError``, by its name as well, among whose parents are classes of these names."""
    parent: type[Exception] = RuntimeError
    for name in reversed(names):
        parent = type(name, (parent,), {"__module__": None})
    return type("RuntimeError", (parent,), {"__module__": "builtins"})


def _segments(error: Exception) -> list[list[str]]:
    """The Python frames that led to `error`, outermost first: one segment before each R function
    that Python has called, and a last one after them all."""
    segments: list[list[str]] = [[]]
    for frame, line in [*_stack(sys._getframe(2)), *_inner(error)]:
        module = str(frame.f_globals.get("__name__", ""))
        if module == _R_CALLS:
            segments.append([])
        elif not _is_hidden(module):
            segments[-1].append(_shown(frame, line))
    return segments


def _stack(frame: FrameType | None) -> Iterable[tuple[FrameType, int]]:
    """The frames that are running, outermost first."""
    return reversed(list(traceback.walk_stack(frame)))


def _inner(error: Exception) -> Iterator[tuple[FrameType, int]]:
    """The frames of a Python exception that has come out of R."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") != _R_CALLS:
            yield frame, line


def _is_hidden(module: str) -> bool:
    return any(module == hidden or module.startswith(f"{hidden}.") for hidden in _HIDDEN)


def _shown(frame: FrameType, line: int) -> str:
    file = frame.f_code.co_filename.replace("\\", "/")
    for library in ("/site-packages/", "/dist-packages/", "/lib/"):
        file = file.rpartition(library)[2]
    return f"{file}:{line} in {frame.f_code.co_qualname}"
