"""R functions as Python callables that know their own name and arguments."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any


def signature(
    names: Sequence[str], required: Sequence[bool], defaults: Mapping[str, Any] | None = None
) -> inspect.Signature:
    """The Python signature of an R function with these formals.

    ``...`` takes further arguments, named and unnamed; a formal with a default may be left out,
    and R then computes the default itself. `defaults` has those that Python can show. A formal
    that Python cannot name, such as ``lambda`` or ``y.true``, has its place under another name;
    by its own it is one of the further arguments. Names that the user has taken stay the user's.
    """
    defaults = defaults or {}
    parameters: list[inspect.Parameter] = []
    taken = set(names)

    def free(name: str) -> str:
        while name in taken:
            name += "_"
        taken.add(name)
        return name

    seen_dots = seen_default = False
    for name, needed in zip(names, required, strict=True):
        if name == "...":
            parameters.append(inspect.Parameter(free("args"), inspect.Parameter.VAR_POSITIONAL))
            seen_dots = True
            continue
        kinds = inspect._ParameterKind
        kind = kinds.KEYWORD_ONLY if seen_dots else kinds.POSITIONAL_OR_KEYWORD
        optional = not needed or (seen_default and not seen_dots)
        seen_default = seen_default or optional
        default = defaults.get(name) if optional else inspect.Parameter.empty
        shown = name if _nameable(name) == name else free(_nameable(name))
        parameters.append(inspect.Parameter(shown, kind, default=default))
    if seen_dots or any(_nameable(name) != name for name in names):
        parameters.append(inspect.Parameter(free("kwargs"), inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)


def _nameable(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else re.sub(r"\W", "_", name)


def named(
    function: Callable[..., Any],
    name: str,
    formals: Sequence[str],
    required: Sequence[bool],
    doc: str | None = None,
) -> Callable[..., Any]:
    """`function`, an R closure as reticulate passes it, under the R function's name and formals.

    Keras reports losses and metrics by ``__name__`` and passes ``training`` or ``mask`` only to
    a callable whose signature has them.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    coded(function, name)
    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    call.__signature__ = signature(formals, required)  # type: ignore[attr-defined]
    call.__wrapped_r__ = function  # type: ignore[attr-defined]
    return call


def coded(function: Any, name: str) -> Any:
    """`function`, which reticulate has made, with frames that tell which R function it is."""
    if hasattr(function, "__code__"):
        function.__code__ = function.__code__.replace(co_name=name)
    return function


def name_of_frame(frame: FrameType) -> str:
    """The R function that a frame of reticulate's calls; or what has called one without a name."""
    if frame.f_code.co_name != "python_function":
        return f"{frame.f_code.co_name}()"
    caller = frame.f_back
    if caller is None:
        return "An R function"
    return f"The R function that {caller.f_code.co_qualname}() calls"


def r_function(value: Any) -> Any:
    """The R function behind a Python one, as reticulate carries it, or ``None``.

    Python sees an opaque object, which becomes the R function again on its way to R.
    """
    wrapped = getattr(value, "__wrapped_r__", value)
    if getattr(wrapped, "__module__", None) != "rpytools.call":
        return None
    held = (cell.cell_contents for cell in wrapped.__closure__ or ())
    return next((content for content in held if type(content).__name__ == "PyCapsule"), None)
