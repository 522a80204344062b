"""How many batches one call of the training function takes: ``steps_per_execution = "auto"``.

On a small model, what surrounds a step takes longer than the step. Keras takes several steps in
one call, but how many is to be said before anything is known of them. Here the first steps of a
training are measured, one a call, and the rest is done in calls of as many as take a moment.
The steps are the same ones, in the same order; only callbacks are told of fewer of them, which is
why there are no such calls where a callback wants to be told of each.

Everywhere but in these calls the model has Keras's own ``steps_per_execution``, 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from kerasbridge.errors import ArgumentError
from kerasbridge.models import progress
from kerasbridge.sources.batches import keras

_ATTRIBUTE: Final = "_kerasbridge_pace"

#: How long a call may take, in seconds: a progress bar still moves, an interrupt is still heard.
_MOMENT: Final = 0.05

#: The most steps in a call, and how many are measured: the first ones compile.
_MOST: Final = 32
_WARM: Final = 3
_MEASURED: Final = 12


class Pace:
    """The pace of one model: how many steps a call takes, kept from one training to the next."""

    def __init__(self) -> None:
        self.steps = 1
        #: Keras's function that was measured: another one has a pace of its own.
        self.measured: Callable[..., Any] | None = None
        #: TensorFlow's function of several steps.
        self.several: Callable[..., Any] | None = None


def chosen(model: Any, steps: Any) -> Any:
    """What Keras is told of R's `steps_per_execution`; ``"auto"`` is noted with the model."""
    auto = isinstance(steps, str)
    if auto and steps != "auto":
        raise ArgumentError(
            f'`steps_per_execution` must be a whole number or "auto", not "{steps}".'
        )
    object.__setattr__(model, _ATTRIBUTE, Pace() if auto else None)
    return 1 if auto else steps


@contextmanager
def kept(
    model: Any, callbacks: Any, epochs: int, feed: Any, run: progress.Run
) -> Iterator[Callable[[], int]]:
    """Within it, a training of `model` is paced if it may be; gives how many steps a call had.

    It is within what watches over `run`, which sees each step or each call of several.
    """
    pace = vars(model).get(_ATTRIBUTE)
    backend = str(keras().config.backend())
    may = (feed is None or feed.paced) and _may(model, backend, callbacks)
    if pace is None or not may:
        yield lambda: int(getattr(model, "steps_per_execution", 1) or 1)
        return
    runner = _Runner(model, pace, backend, epochs, feed, run)
    build = "_maybe_symbolic_build" if backend == "tensorflow" else "_symbolic_build"
    original = getattr(model, build)

    def seen(iterator: Any = None, data_batch: Any = None) -> Any:
        # The first thing that a trainer does with its epochs, and the only one that others see.
        if iterator is not None:
            runner.follow(iterator)
        return original(iterator=iterator, data_batch=data_batch)

    object.__setattr__(model, build, seen)
    try:
        yield lambda: runner.used
    finally:
        object.__delattr__(model, build)
        runner.end()


def _may(model: Any, backend: str, callbacks: Any) -> bool:
    if backend not in ("tensorflow", "jax") or model.run_eagerly or not model.compiled:
        return False
    if getattr(model, "_distribute_strategy", None) is not None:
        return False
    listed = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return not any(_wants_each_batch(callback) for callback in listed if callback is not None)


def _wants_each_batch(callback: Any) -> bool:
    if not getattr(callback, "wants_each_batch", True):
        return False
    hooks = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    return any(
        hasattr(callback, hook) and not getattr(getattr(callback, hook), "_is_default", False)
        for hook in hooks
    )


class _Runner:
    """One training: hands out Keras's steps, one or several a call, and measures them."""

    def __init__(
        self, model: Any, pace: Pace, backend: str, epochs: int, feed: Any, run: progress.Run
    ) -> None:
        self.used = 1
        self._feed = feed
        self._run = run
        self._single: Callable[..., Any] | None = None
        self._several: Callable[..., Any] | None = None
        self._model = model
        self._pace = pace
        self._backend = backend
        self._epochs = epochs
        self._now = 1
        self._times: list[float] = []
        self._followed: Any = None

    def follow(self, iterator: Any) -> None:
        if self._followed is None:
            self._followed = iterator
            original = iterator._enumerate_iterator
            iterator._enumerate_iterator = lambda: self._steps(iterator, original)

    def end(self) -> None:
        if self._single is not None and self._model.train_function == self._call:
            self._model.train_function = self._single

    def _steps(self, epoch: Any, original: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """The steps of an epoch, as Keras's iterator gives them, in calls of `_now` of them."""
        total = epoch.steps_per_epoch or epoch._num_batches
        if not total or total < 0 or not self._install():
            yield from original()
            return
        epoch.data_adapter.on_epoch_begin()
        if epoch._current_iterator is None or epoch.steps_per_epoch is None:
            epoch._current_iterator = iter(epoch._get_iterator())
            epoch._steps_seen = 0
        step = 0
        while step < total:
            if epoch._num_batches and epoch._steps_seen >= epoch._num_batches:
                if epoch.steps_per_epoch:
                    epoch._interrupted_warning()
                break
            left = total - step
            self._now = self._pace.steps if left >= self._pace.steps else 1
            self.used = max(self.used, self._now)
            if self._feed is not None:
                self._feed.make_ahead(self._now)
            epoch._steps_seen += self._now
            begun = time.perf_counter()
            yield step, step + self._now - 1, epoch._current_iterator
            step += self._now
            self._measure(time.perf_counter() - begun, total, left - 1)
        if epoch._num_batches and epoch._steps_seen >= epoch._num_batches:
            epoch._current_iterator = iter(epoch._get_iterator())
            epoch._steps_seen = 0
        self._epochs -= 1
        epoch.data_adapter.on_epoch_end()

    def _install(self) -> bool:
        """Stand before the model's own function, once it is made."""
        single = self._model.train_function
        if single is None:
            return False
        if single != self._call:
            function = self._run.original(single)
            if function is not self._pace.measured:
                self._pace.measured, self._pace.several, self._pace.steps = function, None, 1
            self._single = single
            self._watch_several()
            self._model.train_function = self._call
        return True

    def _watch_several(self) -> None:
        if self._pace.several is not None:
            self._several = self._run.watched("train_function", self._pace.several)

    def _call(self, *args: Any) -> Any:
        assert self._single is not None
        if self._several is not None and self._now > 1:
            return self._several(*args)
        given = self._single(*args)
        for _ in range(self._now - 1):  # on JAX, whose function gives its state as well
            given = self._single(given[1], *args[1:])
        return given

    def _measure(self, seconds: float, total: int, left: int) -> None:
        """Note how long a step took; choose a pace after some of them, if it pays."""
        if self._pace.steps > 1 or len(self._times) > _MEASURED:
            return
        self._times.append(seconds)
        if len(self._times) <= _MEASURED:
            return
        measured = sorted(self._times[_WARM:])
        step = measured[len(measured) // 2]
        steps = 1
        while 2 * steps <= min(_MOST, total // 4) and 2 * steps * step <= _MOMENT:
            steps *= 2
        # TensorFlow compiles a call of several steps anew: as long as the first step took.
        cost = max(self._times[:_WARM]) if self._backend == "tensorflow" else 0.0
        ahead = left + total * (self._epochs - 1)
        if steps > 1 and ahead * step / 2 > cost:
            self._pace.steps = steps
            if self._backend == "tensorflow":
                self._pace.several = self._made(steps)
                self._watch_several()

    def _made(self, steps: int) -> Callable[..., Any]:
        """A call of so many steps, which TensorFlow compiles into one."""
        model = self._model
        model.train_function = None
        model.make_train_function()
        made = model.train_function
        model.train_function = self._call

        def several(iterator: Any) -> Any:
            model.steps_per_execution = steps  # read while it is traced
            try:
                return made(iterator)
            finally:
                model.steps_per_execution = 1

        return several
