"""R functions under `torch.compile`.

Dynamo compiles Python's bytecode, and R has none. An R function that Dynamo meets is traced
instead: its R code runs once, on fake tensors without values, and what it does to them becomes a
graph, which Dynamo compiles with the options of the `torch.compile` around it. Tensors that the
function captures stay the ones that they are, so that updates and gradients reach them. All else
is as it was at the trace. A function that a graph cannot stand for runs at every call.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar, cast

import torch
from torch._C._dynamo.eval_frame import get_eval_frame_callback
from torch._C._functorch import peek_interpreter_stack
from torch._dynamo.decorators import skip
from torch._dynamo.exc import BackendCompilerFailed
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.compiler import disable
from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing, make_fx
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from kerasbridge.memory import watch

#: Graphs kept at most: each keeps its function, its modules and what they capture alive.
MAX_GRAPHS: Final = 256

_COMPUTED: Final = object()

_F = TypeVar("_F", bound=Callable[..., Any])


def install() -> None:
    """Trace the R functions that are called, by way of reticulate, from what Dynamo compiles."""
    skip(watch.serve)  # no part of the code that it comes between
    calls: Any = importlib.import_module("rpytools.call")
    calls.call_r_function = traceable(calls.call_r_function)


def _eager(function: _F) -> _F:
    """`function`, which Dynamo leaves alone with all that it calls."""
    return cast(_F, disable(function))  # type: ignore[no-untyped-call]


def _passed_over(function: _F) -> _F:
    """`function`, which Dynamo leaves alone, but not what it calls.

    `disable(recursive=False)` would refuse to run under `torch.export`.
    """
    return cast(_F, skip(function))


def traceable(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, which calls an R function, its first argument, with the others."""
    graphs: OrderedDict[Hashable, Graph | None] = OrderedDict()
    run = _eager(call)

    def keep(key: Hashable, graph: Graph | None) -> None:
        graphs[key] = graph
        if len(graphs) > MAX_GRAPHS:
            graphs.popitem(last=False)

    @_eager
    def find(function: Any, key: Hashable, given: _Arguments) -> Graph | Exception | None:
        """The graph; where the R code must run, why, or ``None`` when that has been said."""
        if key is None or function in graphs:
            return None
        known = graphs.get(key)
        if known is not None and known.holds():
            graphs.move_to_end(key)
            return known
        try:
            graph = _trace(lambda *args, **kwargs: call(function, *args, **kwargs), given)
        except Exception as failure:
            return failure
        keep(key, graph)
        return graph

    @_eager
    def give_up(function: Any, failure: Exception) -> None:
        keep(function, None)
        warnings.warn(f"An R function runs uncompiled, at every call: {failure}", stacklevel=2)

    @_passed_over  # of all that is called here, Dynamo sees the graph's forward alone
    def call_r_function(function: Any, *args: Any, **kwargs: Any) -> Any:
        # torch.compiler.is_compiling() is true only in code that Dynamo could read
        if get_eval_frame_callback() is None:
            return call(function, *args, **kwargs)
        if peek_interpreter_stack() is not None:  # torch.func has wrapped the tensors
            return run(function, *args, **kwargs)
        given = _arguments(args, kwargs)
        key = _key(function, given)
        graph = find(function, key, given)
        if isinstance(graph, Graph):
            return graph.result(graph.compute(given.tensors))
        result = run(function, *args, **kwargs)  # an error of R's own is raised here
        if graph is not None:
            give_up(function, graph)
        return result

    return call_r_function


@dataclass
class Graph:
    """What a function does to tensors, and the place of its results in what it returns."""

    forward: Callable[..., Sequence[Any]]
    leaves: Sequence[Any]
    spec: pytree.TreeSpec
    states: Sequence[tuple[torch.nn.Module, Hashable]]

    def holds(self) -> bool:
        """Are the modules that the function called, its own and captured ones, as they were?"""
        return all(_state(module) == state for module, state in self.states)

    @_passed_over
    def compute(self, tensors: Sequence[torch.Tensor]) -> Sequence[Any]:
        try:
            return self.forward(*tensors)
        except BackendCompilerFailed as failure:  # there may be no compiler for C++
            warnings.warn(f"The graph of an R function runs uncompiled: {failure}", stacklevel=2)
            self.forward = _eager(self.forward)
            return self.forward(*tensors)

    @_eager
    def result(self, computed: Sequence[Any]) -> Any:
        left = iter(computed)
        leaves = [next(left) if leaf is _COMPUTED else leaf for leaf in self.leaves]
        return pytree.tree_unflatten(leaves, self.spec)


@dataclass(frozen=True)
class _Arguments:
    """A call's arguments: tensors, which a graph takes, and others, which become part of it."""

    leaves: Sequence[Any]
    spec: pytree.TreeSpec
    tensors: Sequence[torch.Tensor]

    @property
    def modules(self) -> Iterator[torch.nn.Module]:
        modules = (leaf for leaf in self.leaves if isinstance(leaf, torch.nn.Module))
        return chain.from_iterable(module.modules() for module in modules)

    def with_tensors(self, tensors: Sequence[torch.Tensor]) -> Any:
        left = iter(tensors)
        leaves = [next(left) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        return pytree.tree_unflatten(leaves, self.spec)


@_eager
def _arguments(args: Any, kwargs: Any) -> _Arguments:
    leaves, spec = pytree.tree_flatten((args, kwargs))
    return _Arguments(leaves, spec, [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)])


@_eager
def _key(function: Any, given: _Arguments) -> Hashable | None:
    """What the graph of a call depends on; ``None`` where that cannot be told."""
    key = (
        function,
        given.spec,
        tuple(_kind(leaf) for leaf in given.leaves),
        tuple(_state(module) for module in given.modules),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        *(torch.is_autocast_enabled(device) for device in ("cpu", "cuda")),
    )
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _kind(x: Any) -> Hashable:
    if isinstance(x, torch.Tensor):
        return type(x), x.shape, x.stride(), x.dtype, x.device, x.requires_grad
    return type(x), x


def _state(module: torch.nn.Module) -> Hashable:
    """A module's own tensors, each the one that it is, and its plain attributes."""
    return module, tuple(
        (name, id(value) if isinstance(value, torch.Tensor) else None, _kind(value))
        for attributes in _attributes(module)
        for name, value in attributes.items()
        if isinstance(value, torch.Tensor | bool | int | float | str)
    )


def _attributes(module: torch.nn.Module) -> tuple[dict[str, Any], ...]:
    return vars(module), module._parameters, module._buffers


def _trace(function: Callable[..., Any], given: _Arguments) -> Graph:
    """Run `function` once, on fake tensors."""
    leaves: list[Any] = []
    specs: list[pytree.TreeSpec] = []

    def flat(*tensors: torch.Tensor) -> list[Any]:
        args, kwargs = given.with_tensors(tensors)
        with _Recording():
            outputs, spec = pytree.tree_flatten(function(*args, **kwargs))
        computed = [leaf for leaf in outputs if _is_computed(leaf)]
        leaves.extend(_COMPUTED if _is_computed(leaf) else leaf for leaf in outputs)
        specs.append(spec)
        return computed

    # `pre_dispatch` records above autograd: what runs without gradients in R does so in the graph
    trace = make_fx(flat, tracing_mode="fake", pre_dispatch=True, _allow_non_fake_inputs=True)
    called: dict[torch.nn.Module, Hashable] = {}

    def note(module: torch.nn.Module, inputs: Any) -> None:
        called.setdefault(module, _state(module))

    with register_module_forward_pre_hook(note), _unchanged(given.modules):
        forward = trace(*given.tensors).forward
    return Graph(forward, leaves, specs[0], list(called.items()))


def _is_computed(x: Any) -> bool:
    return isinstance(x, torch.Tensor | torch.SymBool | torch.SymFloat | torch.SymInt)


@contextmanager
def _unchanged(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Leave the attributes of `modules` as they are; refuse a graph of what assigns to them."""
    before = [
        (module, _state(module), [dict(attributes) for attributes in _attributes(module)])
        for module in modules
    ]
    changed = False
    try:
        yield
    finally:
        for module, state, copies in before:
            if _state(module) != state:
                changed = True
                for attributes, copy in zip(_attributes(module), copies, strict=True):
                    attributes.clear()
                    attributes.update(copy)
    if changed:
        raise TypeError("It assigns to attributes of its module.")


class _Recording(TorchFunctionMode):
    """Captured tensors keep their values while it is recorded what is done to them."""

    #: Functions whose effect a graph would not have.
    refused: Final = frozenset(
        {"__set__", "backward", "register_hook", "requires_grad_", "retain_grad"}
    )
    writing: Final = re.compile(r"\w*[^_]_|__i\w+__|__setitem__")

    def __init__(self) -> None:
        super().__init__()
        self._saved: dict[int, tuple[torch.Tensor, torch.Tensor, int]] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in self.refused:
            raise TypeError(f"{name}() changes more than values.")
        if self.writing.fullmatch(name) or "out" in kwargs:
            self._save(pytree.tree_leaves((args, kwargs)))
        return func(*args, **kwargs)

    def _save(self, written: Sequence[Any]) -> None:
        """What is done to captured tensors alone is done in earnest, even under fake tensors."""
        with _in_earnest():
            for x in written:
                real = isinstance(x, torch.Tensor) and not isinstance(x, FakeTensor)
                if real and id(x) not in self._saved:
                    self._saved[id(x)] = x, x.detach().clone(), x._version

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        with _in_earnest(), torch.no_grad():
            for x, value, version in self._saved.values():
                if x._version != version:
                    x.copy_(value)


@contextmanager
def _in_earnest() -> Iterator[None]:
    """Neither fake nor recorded."""
    with unset_fake_temporarily(), disable_proxy_modes_tracing():
        yield
