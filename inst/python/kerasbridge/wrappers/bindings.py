"""From a wrapper's name to the callable behind it, its arguments converted by their kinds.

``signatures.json``, written by the generator, gives for each wrapper the Keras object, the
parameters in R's order with their kinds, and the kind of the result.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from kerasbridge.errors import ArgumentError, did_you_mean, guarded
from kerasbridge.models import compose, identifiers
from kerasbridge.tensors import arrays
from kerasbridge.tensors.kinds import CONVERTERS, NEEDED, Converter, converted, one_based, tree
from kerasbridge.tensors.shapes import described
from kerasbridge.wrappers import adapters


@dataclass(frozen=True)
class Parameter:
    """One argument of a wrapper.

    `mode` is ``"required"``; ``"default"``, when R shows Keras's own default; or ``"omit"``,
    when R shows ``NULL`` for a default that R has no word for, and ``NULL`` is not passed on.
    """

    name: str
    kind: str
    mode: str = "required"
    default: Any = None


@dataclass(frozen=True)
class Signature:
    """One wrapper: where it leads and what its arguments are.

    `form` says how it is called: a ``"function"`` (or class) as it is; a ``"layer"`` applied to
    its first argument; a ``"merge"`` likewise, its inputs also given unnamed; a ``"pair"`` of a
    class and the `function` it wraps, chosen by whether data is given. `rest` is the kind of
    further unnamed arguments, where there may be such.
    """

    name: str
    python: str
    parameters: tuple[Parameter, ...]
    result: str | tuple[str, ...] = "tensor"
    form: str = "function"
    function: str | None = None
    renamed: tuple[tuple[str, str], ...] = ()
    rest: str = "value"


@cache
def signatures() -> dict[str, Signature]:
    """Every generated wrapper by its R name."""
    table: dict[str, dict[str, Any]] = json.loads(
        Path(__file__).parents[1].joinpath("signatures.json").read_text(encoding="utf-8")
    )
    return {name: _signature(name, entry) for name, entry in table.items()}


def _signature(name: str, entry: dict[str, Any]) -> Signature:
    result = entry.get("result", "tensor")
    return Signature(
        name=name,
        python=entry["python"],
        parameters=tuple(_parameter(*fields) for fields in entry["parameters"]),
        result=tuple(result) if isinstance(result, list) else result,
        form=entry.get("form", "function"),
        function=entry.get("function"),
        renamed=tuple(entry.get("renamed", {}).items()),
        rest=entry.get("rest", "value"),
    )


def _parameter(name: str, kind: str, *default: Any) -> Parameter:
    """A parameter as the table has it: without a default, it is required."""
    if not default:
        return Parameter(name, kind)
    return Parameter(name, kind, default[1] if len(default) > 1 else "default", default[0])


@cache
def target(python: str) -> Any:
    """The object behind a public name such as ``keras.ops.sum``."""
    module, *names = python.split(".")
    value = importlib.import_module(module)
    for name in names:
        value = getattr(value, name)
    return value


@cache
def bind(name: str) -> Callable[..., Any]:
    """The callable that the R wrapper `name` calls, with its arguments in R's order."""
    return _bound(name)


def bind_guarded(name: str) -> Callable[..., Any]:
    """The same for R, which gets its exceptions as values. Every wrapper counts axes from 1."""
    bound = _bound(name)
    makes = not signatures()[name].python.startswith("keras.ops.")
    return guarded(identifiers.suggesting(bound) if makes else bound, one_based=True)


def _bound(name: str) -> Callable[..., Any]:
    signature = signatures()[name]
    try:
        function = target(signature.python)
    except AttributeError as error:
        raise _lacking(name, signature.python) from error
    if signature.form == "layer":
        return _layer(signature, adapters.adapted(signature.python, function))
    if signature.form == "merge":
        return _merge(signature, function)
    if signature.form == "pair":
        assert signature.function is not None
        return _pair(signature, function, target(signature.function))
    function = adapters.adapted(signature.python, function)
    counts = signature.parameters and signature.parameters[-1].name == "zero_indexed"
    if counts and "zero_indexed" not in inspect.signature(function).parameters:
        return _by_levels(signature, _positions(signature, function))
    return _direct(signature, function)


def keras_object(name: str) -> Any:
    """What a wrapper stands for where Keras takes a callable: ``op_relu`` is `keras.ops.relu`."""
    signature = signatures()[name]
    cls = target(signature.python)
    function = target(signature.function) if signature.function else cls
    # a function that is a loss knows nothing of the metric
    is_loss = function.__module__.startswith("keras.src.losses")
    return cls if is_loss and signature.python.startswith("keras.metrics.") else function


def documentation(name: str) -> str:
    """What the installed Keras says of the object behind a wrapper."""
    signature = signatures()[name]
    documented = target(signature.python)
    head = f"{signature.python}{inspect.signature(documented)}"
    return f"{head}\n\n{inspect.getdoc(documented) or ''}"


def _direct(signature: Signature, function: Any) -> Callable[..., Any]:
    parameters = signature.parameters
    count = len(parameters)
    active = _active(parameters)
    accepted = _accepted(function)
    finish = _result(signature.result)
    as_it_is = signature.result == "tensor"
    further = CONVERTERS[signature.rest]
    positional = accepted.in_order(parameters) and not any(p.mode == "omit" for p in parameters)

    def call(*values: Any, **extra: Any) -> Any:
        if extra or not positional or len(values) != count:
            return finish(by_name(list(values), extra))
        arguments = list(values)
        for position, convert, name in active:
            arguments[position] = convert(values[position], name)
        result = function(*arguments)
        return result if as_it_is and not isinstance(result, tuple) else finish(result)

    def by_name(arguments: list[Any], extra: dict[str, Any]) -> Any:
        rest = arguments[count:]
        if rest and not accepted.variadic:
            raise _too_many(signature, rest)
        for position, convert, name in active:
            arguments[position] = convert(arguments[position], name)
        named = accepted.named(signature, arguments[:count]) | accepted.extra(signature, extra)
        if not rest:
            return function(**named)
        leading = [named.pop(name) for name in accepted.order if name in named]
        if further is not None:
            rest = [further(value, "...") for value in rest]
        return function(*leading, *rest, **named)

    return call


def holds_positions(result: str | Sequence[str]) -> bool:
    """Are there positions in a result of this kind?"""
    return "index" in ([result] if isinstance(result, str) else result)


def counts_positions(name: str, result: str | Sequence[str], kinds: Sequence[str]) -> bool:
    """Does a function take or return positions? Its wrapper then takes `zero_indexed`."""
    return holds_positions(result) or (name.startswith("op_") and "index" in kinds)


def _positions(signature: Signature, function: Any) -> Callable[..., Any]:
    """A function of positions: they count from 1, or from 0 when the last argument asks."""
    *parameters, _ = signature.parameters
    last = len(parameters)
    signature = replace(signature, parameters=tuple(parameters))
    from_one = _direct(signature, function)
    from_zero = _direct(_from_zero(signature), function)

    def call(*values: Any, **extra: Any) -> Any:
        find = from_zero if values[last] else from_one
        if len(values) == last + 1:
            return find(*values[:last], **extra)
        return find(*values[:last], *values[last + 1 :], **extra)

    return call


def _by_levels(signature: Signature, function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the number of classes or segments is not given, a factor has it."""
    names = [parameter.name for parameter in signature.parameters]
    counts = [names.index(name) for name in ("num_classes", "num_segments") if name in names]
    ids = [place for place, part in enumerate(signature.parameters) if part.kind == "index"]
    if not counts or not ids:
        return function
    (count,), (of,) = counts, ids

    def call(*values: Any, **extra: Any) -> Any:
        if isinstance(values[of], arrays.Codes) and values[count] is None:
            values = (*values[:count], values[of].levels, *values[count + 1 :])
        return function(*values, **extra)

    return call


def _from_zero(signature: Signature) -> Signature:
    """The same with positions as Python counts them."""
    parameters = tuple(
        replace(parameter, kind="index_from_zero") if parameter.kind == "index" else parameter
        for parameter in signature.parameters
    )
    result = signature.result
    kept = [("tensor" if part == "index" else part) for part in result]
    result = tuple(kept) if isinstance(result, tuple) else "tensor" if result == "index" else result
    return replace(signature, parameters=parameters, result=result)


def _layer(signature: Signature, layer: Any) -> Callable[..., Any]:
    construct = _direct(signature, layer)
    name = signature.name

    def call(object: Any, *values: Any, **extra: Any) -> Any:
        return compose.compose(object, construct(*values, **extra), name)

    return call


def _merge(signature: Signature, layer: Any) -> Callable[..., Any]:
    """A merging layer: further tensors come unnamed, after the layer's own arguments."""
    construct = _direct(signature, layer)
    count = len(signature.parameters)

    def call(inputs: Any, *values: Any, **extra: Any) -> Any:
        tensors = values[count:]
        if tensors:
            first = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            inputs = [*first, *tensors]
        return compose.compose(inputs, construct(*values[:count], **extra), signature.name)

    return call


def _pair(signature: Signature, cls: Any, function: Any) -> Callable[..., Any]:
    """A loss or metric: its object without data, its values with ``y_true`` and ``y_pred``."""
    data, options = signature.parameters[:2], signature.parameters[2:]
    of_class = _direct(_only(signature, cls, options), cls)
    of_function = _direct(_only(signature, function, (*data, *options)), function)
    class_names = _accepted(cls).names
    function_names = _accepted(function).names

    def call(y_true: Any, y_pred: Any, *values: Any, **extra: Any) -> Any:
        if y_true is None and y_pred is None:
            return of_class(*_keep(values, class_names), **extra)
        if y_true is None or y_pred is None:
            raise ArgumentError(f"{signature.name}() needs both `y_true` and `y_pred`, or neither.")
        return of_function(y_true, y_pred, *_keep(values, function_names), **extra)

    def _keep(values: Sequence[Any], names: frozenset[str]) -> list[Any]:
        return [v for v, p in zip(values, options, strict=False) if p.name in names]

    return call


def _only(signature: Signature, function: Any, parameters: Sequence[Parameter]) -> Signature:
    names = _accepted(function).names
    kept = tuple(parameter for parameter in parameters if parameter.name in names)
    return Signature(signature.name, signature.python, kept, signature.result)


def _active(parameters: Sequence[Parameter]) -> list[tuple[int, Converter, str]]:
    """The positions that need work at a call, with their converters."""
    found = []
    for position, parameter in enumerate(parameters):
        convert = CONVERTERS[parameter.kind]
        if parameter.mode == "required" and parameter.kind == "tensor":
            convert = arrays.needed if parameter.name in NEEDED else convert
        if convert is not None:
            found.append((position, convert, parameter.name))
    return found


class _Accepted:
    """What the installed callable accepts, so that a version's differences are told, not hit."""

    def __init__(self, function: Any) -> None:
        parameters = inspect.signature(function).parameters.values()
        self.order = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.names = frozenset(self.order) | {
            p.name for p in parameters if p.kind is p.KEYWORD_ONLY
        }
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.open = any(p.kind is p.VAR_KEYWORD for p in parameters)
        made = inspect.unwrap(function)  # an adapter may stand before a class
        self.further = _inherited(made) if self.open else frozenset()
        # ``**kwargs`` is what a function tolerates; under a name of their own they are arguments,
        # and so they are of a class that has no parent to pass them on to.
        self.any_name = any(p.kind is p.VAR_KEYWORD and p.name != "kwargs" for p in parameters) or (
            self.open and inspect.isclass(made) and not self.further
        )

    def in_order(self, parameters: Sequence[Parameter]) -> bool:
        """Can the arguments be passed by position?"""
        return self.order[: len(parameters)] == [parameter.name for parameter in parameters]

    def named(self, signature: Signature, arguments: Sequence[Any]) -> dict[str, Any]:
        """Converted arguments by name; one that the installed version lacks must be at rest."""
        named = {}
        renamed = dict(signature.renamed)
        for parameter, value in zip(signature.parameters, arguments, strict=True):
            name = renamed.get(parameter.name, parameter.name)
            if parameter.mode == "omit" and value is None:
                continue
            if name in self.names or name in self.further:
                named[name] = value
            elif parameter.mode == "required" or not _same(value, parameter.default):
                raise _lacking(signature.name, signature.python, parameter.name)
        return named

    def extra(self, signature: Signature, extra: dict[str, Any]) -> dict[str, Any]:
        """Arguments that came in ``...``: known to the class's parents, or refused by name."""
        known = {*self.names, *self.further}
        named = {}
        for name, value in extra.items():
            if name not in known and not self.any_name:
                raise ArgumentError(
                    f"{signature.name}() has no argument `{name}`."
                    + did_you_mean(name, {*known, *(p.name for p in signature.parameters)})
                )
            named[name] = converted(value, name)
        return named


@cache
def _accepted(function: Any) -> _Accepted:
    return _Accepted(function)


#: What `keras.layers.Layer` takes through ``**kwargs``.
_LAYER_KEYWORDS = frozenset({"input_shape", "batch_shape", "input_dim"})


def _inherited(function: Any) -> frozenset[str]:
    """The named arguments of a class's parents, which its ``**kwargs`` reach."""
    if not inspect.isclass(function):
        return frozenset()
    found = set(_LAYER_KEYWORDS) if hasattr(function, "call") else set()
    for base in function.__mro__[1:-1]:
        if "__init__" not in vars(base):
            continue
        # Not of the class: its `__new__(cls, *args, **kwargs)` would be asked instead.
        _, *parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        found |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return frozenset(found)


def _result(kind: str | tuple[str, ...]) -> Callable[[Any], Any]:
    if isinstance(kind, tuple):
        finishers = [_result(part) for part in kind]
        return lambda value: [finish(part) for finish, part in zip(finishers, value, strict=False)]
    if kind == "index":
        return one_based
    if kind == "tree":
        return tree
    if kind == "value":
        return arrays.to_r
    return lambda value: tuple(value) if isinstance(value, tuple) else value  # a plain one


def _same(value: Any, default: Any) -> bool:
    default = _tuples(default)
    return type(value) is type(default) and bool(value == default)


def _tuples(default: Any) -> Any:
    """A default out of JSON, which has no tuples."""
    return tuple(map(_tuples, default)) if isinstance(default, list) else default


def _too_many(signature: Signature, surplus: Sequence[Any]) -> ArgumentError:
    given = ", ".join(described(value) for value in surplus)
    return ArgumentError(
        f"{signature.name}() got more unnamed arguments than it has: {given} too many."
    )


def _lacking(name: str, python: str, parameter: str | None = None) -> ArgumentError:
    version = target("keras.__version__")
    pinned = target("kerasbridge.__keras__")
    what = f"argument `{parameter}` of {python}" if parameter else python
    return ArgumentError(
        f"{name}(): the installed Keras {version} has no {what}; it came with a later release "
        f"(this package was generated from Keras {pinned})."
    )
