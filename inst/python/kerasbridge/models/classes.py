"""Python classes from R functions: the one builder behind every kind of class that R defines.

R gives a name, the base classes, and the methods as R closures, each with its formals. The class
made here has real Python methods under these names and signatures, so that Keras and the
frameworks introspect them as they would Python's own.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import new_class
from typing import Any, Final

from kerasbridge.crossing import callables
from kerasbridge.errors import ArgumentError
from kerasbridge.models import callbacks, compose, feeding
from kerasbridge.tensors import frameworks
from kerasbridge.tensors.kinds import converted
from kerasbridge.tensors.shapes import described, shape


@dataclass(frozen=True)
class Method:
    """One R function of a class: called as ``function(self, …)``."""

    name: str
    function: Callable[..., Any]
    formals: Sequence[str]
    required: Sequence[bool]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "method"
    doc: str | None = None


def build(
    name: str,
    bases: Sequence[type],
    methods: Sequence[dict[str, Any]],
    attributes: dict[str, Any],
    module: str,
    doc: str | None,
) -> type:
    """The class `name` with R's methods; ``initialize`` is the constructor."""
    namespace: dict[str, Any] = {"__module__": module, "__qualname__": name, "__doc__": doc}
    namespace |= attributes
    for given in methods:
        method = Method(**given)
        namespace[method.name] = _member(method)
    for base in bases:
        if not inspect.isclass(base):
            raise ArgumentError(f"The parent of {name} must be a class, not {described(base)}.")
    made = new_class(name, tuple(bases), exec_body=lambda body: body.update(namespace))
    _take_r_shapes(made)
    feeding.of_class(made)
    return made


#: What adds weights to a layer or a metric, all with the same first arguments.
_ADDING: Final = ("add_weight", "add_variable")
_PLACES: Final = ("shape", "initializer", "dtype")


def _take_r_shapes(cls: type) -> None:
    """Let ``self$add_weight(c(3, 2))`` take shapes and dtypes as R writes them."""
    for name in _ADDING:
        add = getattr(cls, name, None)
        if not inspect.isfunction(add) or hasattr(add, "__wrapped__"):
            continue
        if add.__module__.startswith("keras."):
            setattr(cls, name, _of_r(add))


def _of_r(add: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(add)
    def of_r(self: Any, *args: Any, **kwargs: Any) -> Any:
        names = [*_PLACES, *[""] * len(args)]
        placed = [converted(value, name) for value, name in zip(args, names, strict=False)]
        return add(self, *placed, **{name: converted(kwargs[name], name) for name in kwargs})

    return of_r


def _member(method: Method) -> Any:
    if method.kind == "property":
        return _property(method)
    function = _function(method)
    if method.kind == "static":
        return staticmethod(function)
    if method.kind == "class":
        return classmethod(function)
    return _BoundLate(function) if method.name == "build" else function


def _function(method: Method) -> Callable[..., Any]:
    r_function = callables.coded(method.function, method.name)
    static = method.kind == "static"
    member = _free(r_function) if static else _bound(method.name, r_function)
    hook = method.kind == "hook" and callbacks.is_numbered(method.name)
    if method.formals and (hook or method.kind == "counted"):
        member = callbacks.counted(member, method.formals[0], of_object=True)
    member.__name__ = member.__qualname__ = method.name
    member.__doc__ = method.doc
    own = callables.signature(method.formals, method.required, method.defaults)
    if not static:
        first = "cls" if method.kind == "class" else "self"
        receiver = inspect.Parameter(first, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        own = own.replace(parameters=[receiver, *own.parameters.values()])
    member.__signature__ = own  # type: ignore[attr-defined]
    return member


def _free(r_function: Callable[..., Any]) -> Callable[..., Any]:
    """A static method is R's function, whatever its name."""

    def member(*args: Any, **kwargs: Any) -> Any:
        return r_function(*args, **kwargs)

    return member


def _bound(name: str, r_function: Callable[..., Any]) -> Callable[..., Any]:
    """A method of Keras's has what Keras expects of its value."""
    if name == "__init__":

        def member(self: Any, *args: Any, **kwargs: Any) -> Any:
            r_function(self, *args, **kwargs)

    elif name == "get_config":

        def member(self: Any, *args: Any, **kwargs: Any) -> Any:
            return r_function(self, *args, **kwargs) or {}  # R's empty list has no names

    elif name == "compute_output_shape":

        def member(self: Any, *args: Any, **kwargs: Any) -> Any:
            return shape(r_function(self, *args, **kwargs), f"{name}()")

    elif name == "result":

        def member(self: Any, *args: Any, **kwargs: Any) -> Any:
            return _value(r_function(self, *args, **kwargs))

    elif name.startswith("on_"):

        def member(self: Any, *args: Any, **kwargs: Any) -> Any:
            return callbacks.logged(r_function(self, *args, **kwargs), [*args, *kwargs.values()])

    else:

        def member(self: Any, *args: Any, **kwargs: Any) -> Any:
            return r_function(self, *args, **kwargs)

    return member


def _value(result: Any) -> Any:
    """A metric's variable as its value now: that is what a result is."""
    if isinstance(result, dict):
        return {name: _value(part) for name, part in result.items()}
    return frameworks.of(result).value(result) if frameworks.is_made(result) else result


class _BoundLate:
    """A method whose bound form keeps its signature when it is wrapped.

    Keras wraps the bound `build` with :func:`functools.wraps`, which copies a function's
    ``__signature__``, receiver and all; a partial has none to copy, and is introspected itself.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., Any]:
        if instance is None:
            return self._function
        bound = functools.partial(self._function, instance)
        bound.__name__ = self._function.__name__  # type: ignore[attr-defined]
        bound.__doc__ = self._function.__doc__
        return bound


def _property(method: Method) -> property:
    """A value computed when it is read; with a formal, it can be assigned as well."""
    r_function = method.function
    if method.formals:
        return property(
            lambda self: r_function(self),
            lambda self, value: r_function(self, value),
            doc=method.doc,
        )
    return property(lambda self: r_function(self), doc=method.doc)


def private(instance: Any, environment: Any = None) -> Any:
    """R's environment of an object's private members; given one, keeps it.

    It is stored past the class's own ``__setattr__``, which may track or refuse attributes.
    """
    if environment is not None:
        object.__setattr__(instance, "_r_private", environment)
    return getattr(instance, "_r_private", None)


def definition(instance: Any) -> Any:
    """R's definition of an object's class."""
    return type(instance)._r_definition


def own_definition(cls: type) -> Any:
    """R's definition of a class, ``None`` for a class that R did not write."""
    return vars(cls).get("_r_definition")


def assign(object: Any, name: str, value: Any) -> None:
    """``object$name <- value`` in R.

    There, ``self$model$stop_training <- TRUE`` ends with an assignment of ``self$model``, as it
    already is. An attribute that cannot be assigned takes what it has.
    """
    attribute = inspect.getattr_static(type(object), name, None)
    if isinstance(attribute, property) and attribute.fset is None:
        held = getattr(object, name)
        if held is value or _same_parts(held, value):
            return
    setattr(object, name, value)


def _same_parts(held: Any, value: Any) -> bool:
    return (
        isinstance(held, (list, tuple))
        and isinstance(value, list)
        and len(held) == len(value)
        and all(map(operator.is_, held, value))
    )


def untracked(tracked: Any) -> Any:
    """Keras's own kinds of lists and dictionaries as Python's, which R converts."""
    return dict(tracked) if isinstance(tracked, dict) else list(tracked)


def super_of(cls: type, instance: Any, name: str) -> Any:
    """The attribute `name` as the parents of `cls` have it, bound to `instance`."""
    found = getattr(super(cls, instance), name)
    counts = getattr(vars(cls).get(name), "_counts_from_1", False)
    return callbacks.uncounted(found) if counts else found


def new(cls: type, object: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
    """A new object of a class that R defined; a layer is applied to what was piped into it."""
    return compose.compose(object, cls(*args, **kwargs), name)


def composed(cls: type, object: Any, /, *args: Any, **kwargs: Any) -> Any:
    """The same for a class of Python's, whose arguments are converted by their names."""
    names = [*_places(cls), *[""] * len(args)]
    placed = [converted(value, name) for value, name in zip(args, names, strict=False)]
    options = {name: converted(value, name) for name, value in kwargs.items()}
    return new(cls, object, cls.__name__, *placed, **options)


def _places(cls: type) -> list[str]:
    """The names of the arguments that a class takes by their places."""
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
