"""A training, evaluation or prediction under way: how far it is, whom that is told, how it ends.

Everything happens where a batch begins. A callback there is called on the main thread, and costs
nothing: one at a batch's end would make Keras bring the losses of every batch to the host.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from kerasbridge.crossing import interrupts
from kerasbridge.sources.batches import PARTS
from kerasbridge.tensors import arrays, frameworks

#: Seconds from one turn of R's to the next: at least, and at most.
_SHORTEST: Final = 0.1
_LONGEST: Final = 1.0

#: A turn that took a second is followed by this many seconds without one.
_SHARE: Final = 99

#: Keras's name for the function that runs a step, and what its state holds on JAX, in order.
_STEPS: Final = {
    "train_function": "trainable non_trainable optimizer metrics",
    "test_function": "trainable non_trainable metrics",
    "predict_function": "trainable non_trainable",
}

#: What R does in its turn, given an event and where the work is; ``True`` asks to stop.
Turn = Callable[[str, dict[str, Any]], Any]


class Stop(BaseException):
    """Ends the loop over batches; Keras and its users catch exceptions, but not this."""


class Interrupted:
    """The result of an evaluation or a prediction that was left."""


class _Clock:
    """When R had its last turn, over all runs: many short ones do not add up."""

    next = 0.0


class _Speed:
    """How fast a run is. Its first step compiles, and does not count."""

    def __init__(self) -> None:
        self._since: tuple[float, int] | None = None
        self._first_epoch: int | None = None
        #: Steps of the epochs that are done.
        self.before = 0

    def begin_epoch(self, epoch: int) -> None:
        if self._first_epoch is None:
            self._first_epoch = epoch

    def reached(self, step: int) -> None:
        if self._since is None:
            self._since = (time.monotonic(), self.before + step)

    def of(self, step: int) -> float | None:
        """Steps per second."""
        if self._since is None:
            return None
        began, first = self._since
        took, steps = time.monotonic() - began, self.before + step - first
        return steps / took if steps > 0 and took > 0 else None

    def ahead(self, epoch: int, epochs: int, step: int, steps: int | None) -> tuple[float, Any]:
        """The share of the run that is done, and the steps that are not, when that is known."""
        first = self._first_epoch or 0
        share = min(1.0, step / steps) if steps else 0.0
        done = (epoch - first + share) / max(1, epochs - first)
        return done, (epochs - epoch) * steps - step if steps else None


class Run:
    """One `fit()`, `evaluate()` or `predict()`."""

    def __init__(
        self,
        what: str,
        model: Any,
        turn: Turn | None,
        verbose: int = 0,
        shown: str | None = None,
        take: Callable[[Any], Any] | None = None,
    ) -> None:
        self.what = what
        self.attention = interrupts.Attention()
        #: ``None``, or how it was ended before its time: ``"step"`` or ``"once"``.
        self.ended: str | None = None
        self.began = False
        self.verbose = verbose
        self.epoch = 0
        self.epochs = 1
        #: Steps of this epoch that are done, and how many it has, when that is known.
        self.step = 0
        self.steps: int | None = None
        self.logs: Any = {}
        self._model = model
        self._turn = turn
        #: Where R is told how far the work is: at no ``"step"``, each ``"epoch"`` only, or both.
        self._shown = shown
        self._speed = _Speed()
        #: Takes what a step of a prediction gives, and gives what Keras is to keep of it.
        self._take = take or (lambda outputs: outputs)
        self._epoch_began = self._run_began = time.monotonic()
        self._backend = str(importlib.import_module("keras").config.backend())
        self._jax = self._backend == "jax"
        self._torch: Any = importlib.import_module("torch") if self._backend == "torch" else None
        #: Python may be left in the middle of entering or leaving `torch.no_grad()`.
        self._has_gradients = self._torch is not None and self._torch.is_grad_enabled()
        self._state: tuple[str, Any] | None = None
        self._wrapped: dict[str, Any] = {}

    # What the callback tells.

    def begin(self, params: dict[str, Any]) -> None:
        self.began = True
        self.epochs = int(params.get("epochs") or 1)
        self.steps = params.get("steps")
        self._epoch_began = time.monotonic()
        self.wrap(f"{self.what}_function")
        self.tell("begin")

    def begin_epoch(self, epoch: int) -> None:
        self.epoch, self.step, self.logs = epoch, 0, {}
        self._speed.begin_epoch(epoch)
        self._epoch_began = time.monotonic()

    def begin_batch(self, step: int) -> None:
        """The batch before is done. An interrupt ends the epoch here; at its first batch it waits
        for one more, so that an epoch that has begun has something to show."""
        self.step = step
        if step:
            self._speed.reached(step)
        if self._turn is not None and time.monotonic() >= _Clock.next:
            self.tell("step")
        if self.attention.requests:
            self.attention.leave()
            if step or self.steps == 1 or self.what != "train":
                raise Stop

    def begin_validation_batch(self) -> None:
        if self._turn is not None and time.monotonic() >= _Clock.next:
            self.tell("validation")
        if self.attention.requests:
            self.attention.leave()
            raise Stop

    def end_epoch(self, logs: dict[str, Any]) -> None:
        self.steps = self.step = self.steps or self.step + 1
        self.logs = logs
        self._speed.reached(self.step)
        if self.verbose or self._shown:
            self.tell("epoch")
        self._speed.before += self.step

    def tell(self, event: str) -> None:
        """Give R a turn, unless nothing would come of it. An epoch's end is told in any case;
        ``due`` is whether R may take its time."""
        if self._turn is None:
            return
        began = time.monotonic()
        due = began >= _Clock.next
        shown = self._shown == "step" or event == "epoch"
        if self._turn(event, {**self.state(), "due": due} if shown else {}):
            self.attention.requests = max(1, self.attention.requests)
        if due:
            took = time.monotonic() - began
            _Clock.next = began + took + min(_LONGEST, max(_SHORTEST, _SHARE * took))

    def state(self) -> dict[str, Any]:
        """Where the work is; epochs count from 1."""
        done, ahead = self._speed.ahead(self.epoch, self.epochs, self.step, self.steps)
        speed = self._speed.of(self.step)
        return {
            "what": self.what,
            "epoch": self.epoch + 1,
            "epochs": self.epochs,
            "step": self.step,
            "steps": self.steps,
            "seconds": time.monotonic() - self._epoch_began,
            "total_seconds": time.monotonic() - self._run_began,
            "done": done,
            "speed": speed,
            "left": ahead / speed if ahead is not None and speed else None,
            "metrics": numbers(self.logs),
        }

    # Between Keras and its steps.

    def wrap(self, name: str) -> None:
        """See what each step gives, and on JAX keep its state: the arrays before it are gone."""
        function = getattr(self._model, name, None)
        if function is None or function is self._wrapped.get(name, (None,))[0]:
            return
        wrapper = self.watched(name, function)
        if wrapper is not function:
            self._wrapped[name] = (wrapper, function)
            setattr(self._model, name, wrapper)

    def watched(self, name: str, function: Any) -> Any:
        """`function`, which takes the place of the model's `name`, with what this run sees."""
        gives_logs = name == f"{self.what}_function" and self.what != "predict"
        if self._jax:
            return self._on_jax(name, function, gives_logs)
        if gives_logs:
            return self._seen(function)
        return self._taken(function) if self.what == "predict" else function

    def original(self, wrapper: Any) -> Any:
        """Keras's function within `wrapper`, or itself where this run has not wrapped it."""
        pairs = self._wrapped.values()
        return next((function for wrapped, function in pairs if wrapped is wrapper), wrapper)

    def unwrap(self) -> None:
        for name, (wrapper, function) in self._wrapped.items():
            if getattr(self._model, name, None) is wrapper:
                setattr(self._model, name, function)
        self._wrapped = {}
        self._state = None
        if self._torch is not None:
            self._torch.set_grad_enabled(self._has_gradients)

    def _seen(self, function: Any) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            self.logs = function(*args, **kwargs)
            return self.logs

        return functools.update_wrapper(step, function, updated=())

    def _taken(self, function: Any) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            return self._take(function(*args, **kwargs))

        return functools.update_wrapper(step, function, updated=())

    def _on_jax(self, name: str, function: Any, gives_logs: bool) -> Callable[..., Any]:
        def step(state: Any, iterator: Any) -> Any:
            with self.attention.holding():
                self._state = (name, state)
                logs, state = function(state, _Fetching(iterator, self.attention))
                self._state = (name, state)
                # A model looks through whatever it is given, which takes a fifth of a small step.
                object.__setattr__(self._model, "_jax_state", _named(self._state))
            if gives_logs:
                self.logs = logs
            return self._take(logs) if name == "predict_function" else logs, state

        return functools.update_wrapper(step, function, updated=())

    def restore(self) -> None:
        """On JAX, a model that was left has its variables again, which the trainer takes out of it
        while it works; one that was left in a step, those before it."""
        model = self._model
        if self._state is None and not getattr(model, "_jax_state", None):
            return
        model.jax_state_sync()
        optimizer = getattr(model, "optimizer", None)
        variables = [*model.variables, *getattr(optimizer, "variables", ())]
        if self._state is not None and any(map(_is_gone, variables)):
            model._jax_state, model._jax_state_synced = _named(self._state), False
            model.jax_state_sync()
        model._jax_state = None

    # The end of a training before its time.

    def finish(self, callbacks: Sequence[Any]) -> None:
        """What Keras does at the end of `fit()`, and cannot when it is left."""
        model = self._model
        self.restore()
        if self._backend == "torch":
            model.eval()
        optimizer: Any = getattr(model, "optimizer", None)
        if hasattr(optimizer, "finalize_variable_values"):
            optimizer.finalize_variable_values(model.trainable_weights)
        if getattr(model, "_eval_epoch_iterator", None) is not None:
            del model._eval_epoch_iterator
        if self.ended == "step" and self.began:
            model.stop_training = True
            logs = numbers(self.logs)
            for callback in callbacks:
                callback.on_train_end(logs)


class _Fetching:
    """A batch on its way: R or a queue may have to make it, which can be left at once."""

    def __init__(self, iterator: Any, attention: interrupts.Attention) -> None:
        self._iterator = iterator
        self._attention = attention

    def __iter__(self) -> _Fetching:
        return self

    def __next__(self) -> Any:
        with self._attention.letting_go():
            batch = next(self._iterator)
        parts = batch if isinstance(batch, (tuple, list)) else (batch,)
        for name, part in zip(PARTS, parts, strict=False):
            _check_wide(part, name)
        return batch


def _check_wide(part: Any, name: str) -> None:
    """JAX would take the low bits of 64-bit integers, which any data set can have."""
    if type(part) is np.ndarray:
        arrays.check_batches(part, name)
    elif isinstance(part, (tuple, list)):
        for inner in part:
            _check_wide(inner, name)
    elif isinstance(part, dict):
        for key, inner in part.items():
            _check_wide(inner, str(key))


def _named(state: tuple[str, Any]) -> dict[str, Any]:
    """A step's state as Keras's JAX trainer keeps it."""
    name, values = state
    return {
        f"{part}_variables": value for part, value in zip(_STEPS[name].split(), values, strict=True)
    }


def _is_gone(variable: Any) -> bool:
    value = getattr(variable, "_value", None)
    return value is None or (hasattr(value, "is_deleted") and bool(value.is_deleted()))


def numbers(logs: Any) -> dict[str, float]:
    """The metrics that are single numbers, by name."""
    told: dict[str, float] = {}
    for name, value in (logs or {}).items():
        if isinstance(value, dict):
            told.update(numbers(value))
            continue
        if frameworks.is_tensor(value):
            value = arrays.to_r(value)
        with contextlib.suppress(TypeError, ValueError):
            told[name] = float(np.asarray(value).item())
    return told


@functools.cache
def _callback_class() -> type:
    base: Any = importlib.import_module("keras").callbacks.Callback

    class Watch(base):  # type: ignore[misc]
        """Tells a :class:`Run` where Keras is."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self._run = run

        def set_params(self, params: dict[str, Any] | None) -> None:
            super().set_params(params)
            if params:
                params["verbose"] = self._run.verbose

        def on_train_begin(self, logs: Any = None) -> None:
            self._run.begin(self.params)

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._run.begin_epoch(epoch)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self._run.begin_batch(batch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._run.end_epoch(logs or {})

        def on_test_begin(self, logs: Any = None) -> None:
            if self._run.what == "test":
                self._run.begin(self.params)
            else:
                self._run.wrap("test_function")

        def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
            if self._run.what == "test":
                self._run.begin_batch(batch)
            else:
                self._run.begin_validation_batch()

        def on_test_end(self, logs: Any = None) -> None:
            if self._run.what == "test":
                self._run.end_epoch(logs or {})

        def on_predict_begin(self, logs: Any = None) -> None:
            self._run.begin(self.params)

        def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
            self._run.begin_batch(batch)

        def on_predict_end(self, logs: Any = None) -> None:
            self._run.logs = {}
            self._run.end_epoch({})

    return Watch


@contextlib.contextmanager
def watching(run: Run, options: dict[str, Any]) -> Iterator[None]:
    """Watch over the call of Keras in this block, whose `options` get another callback.

    An interrupt ends the block, and is found in ``run.ended``. A part of other work leaves with
    the exception: that work ends itself.
    """
    own = _callback_class()(run)
    given = options.get("callbacks")
    listed = hasattr(given, "callbacks") and hasattr(given, "set_params")
    callbacks = given.callbacks if listed else [own, *_flat(given)]  # type: ignore[union-attr]
    if listed:
        callbacks.insert(0, own)
        own.set_model(run._model)
        own.set_params(given.params)  # type: ignore[union-attr]
    else:
        options["callbacks"] = callbacks
    options["verbose"] = 0
    part = False
    try:
        with interrupts.listening(run.attention):
            part = interrupts.is_part(run.attention)
            try:
                with interrupts.staying():
                    yield
            except (Stop, KeyboardInterrupt) as interrupt:
                _end(run, callbacks)
                if part and isinstance(interrupt, KeyboardInterrupt):
                    raise
    except KeyboardInterrupt:
        if part:
            raise
        run.ended = "once"
        run.restore()
    except BaseException:
        with contextlib.suppress(Exception):
            run.restore()
        raise
    else:
        if run.attention.requests and run.ended is None:
            run.ended = "step"
    finally:
        run.unwrap()
        if listed:
            callbacks.remove(own)


def _end(run: Run, callbacks: Sequence[Any]) -> None:
    run.ended = "once" if run.attention.leaving or not run.began else "step"
    if run.ended == "once":
        run.attention.close()
    try:
        run.finish(callbacks) if run.what == "train" else run.restore()
    except KeyboardInterrupt:
        run.attention.close()
        run.ended = "once"
        run.restore()


def _flat(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
