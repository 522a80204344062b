"""Training, evaluation and prediction on R's data.

Data is converted once for a call, before the first batch, to row-major arrays; batches are then
contiguous rows of these.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import numpy as np

from kerasbridge import backends
from kerasbridge.distribution import sharing
from kerasbridge.errors import ArgumentError, did_you_mean
from kerasbridge.memory.shortage import once
from kerasbridge.models import identifiers, mismatch, pace, predictions, progress, targets
from kerasbridge.sources import batches, feeds
from kerasbridge.sources.batches import data
from kerasbridge.tensors import arrays, frameworks
from kerasbridge.tensors.kinds import converted, integer
from kerasbridge.tensors.shapes import described, shape

#: Where a model keeps the numbers of dimensions of the data that it has seen.
_RANKS: Final = "_kerasbridge_ranks"


def new_model(inputs: Any, outputs: Any, options: dict[str, Any]) -> Any:
    """A functional model from its symbolic inputs and outputs."""
    keras = importlib.import_module("keras")
    return keras.Model(inputs=inputs, outputs=outputs, **options)


def new_sequential(layers: Any, input_shape: Any, options: dict[str, Any]) -> Any:
    """A Sequential model; with `input_shape` or other options of an input, built at once."""
    keras = importlib.import_module("keras")
    name = options.pop("name", None)
    trainable = options.pop("trainable", None)
    model = (
        keras.Sequential(name=name)
        if trainable is None
        else keras.Sequential(name=name, trainable=trainable)
    )
    if input_shape is not None or options:
        given = None if input_shape is None else shape(input_shape, "input_shape")
        names = {"input_name": "name"}  # the name alone is the model's
        further = {names.get(key, key): converted(value, key) for key, value in options.items()}
        model.add(keras.Input(shape=given, **further))
    for layer in layers or ():
        model.add(layer)
    return model


def compile(model: Any, options: dict[str, Any]) -> None:
    """Configure training; options left at ``NULL`` keep Keras's defaults.

    Keras looks at losses and metrics when it first trains: that is late for a misspelt one.
    """
    _check_options(model, options)
    for optimizer in _leaves(options.get("optimizer")):
        identifiers.check("optimizer", optimizer, "optimizer")
    for loss in _leaves(options.get("loss")):
        if isinstance(loss, str):
            identifiers.check("loss", loss, "loss")
        elif loss is not None and not callable(loss):
            raise _no_function("loss", "a loss", loss)
    for name in ("metrics", "weighted_metrics"):
        for metric in _leaves(options.get(name)):
            identifiers.check("metric", metric, name)
            if metric is not None and not isinstance(metric, str) and not callable(metric):
                raise _no_function(name, "metrics", metric)
    steps = options.get("steps_per_execution")
    if steps is not None and steps != "auto":
        steps = integer(steps, "steps_per_execution")
    options["steps_per_execution"] = pace.chosen(model, steps)
    if options.get("metrics") is None and options.get("weighted_metrics") is None:
        model._compile_metrics = None  # Keras keeps those of an earlier call
    model.compile(**{name: value for name, value in options.items() if value is not None})


def _check_options(model: Any, options: dict[str, Any]) -> None:
    """Refuse an argument that the model's own `compile` has not."""
    parameters = inspect.signature(model.compile).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for name, value in options.items():
        if name not in parameters and value is not None and name not in _OF_R:
            raise ArgumentError(
                f"compile() has no argument `{name}`." + did_you_mean(name, parameters)
            )


#: What R's compile() always passes on, and a model's own `compile` may not have.
_OF_R = (
    "optimizer loss metrics loss_weights weighted_metrics run_eagerly steps_per_execution "
    "jit_compile auto_scale_loss"
).split()


def _leaves(value: Any) -> list[Any]:
    """What is in nested lists and dictionaries."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return [value]
    return [leaf for part in value for leaf in _leaves(part)]


def _no_function(argument: str, what: str, value: Any) -> ArgumentError:
    return ArgumentError(
        f"`{argument}` must be {what}: names, functions or objects of Keras, "
        f"not {described(value)}."
    )


def weights_of_classes(weights: dict[str, Any] | None) -> dict[int, float] | None:
    """Class weights: R's names are the classes' codes, counted from 0."""
    if weights is None:
        return None
    try:
        return {int(code): float(weight) for code, weight in weights.items()}
    except (ValueError, AttributeError) as error:
        raise ArgumentError(
            "`class_weight` must be a named list whose names are class codes counted from 0, "
            'such as `list("0" = 1, "1" = 5)`.'
        ) from error


@once
def fit(
    model: Any,
    x: Any,
    y: Any,
    options: dict[str, Any],
    turn: progress.Turn | None = None,
    shown: str | None = None,
) -> dict[str, Any]:
    """Train, and give back the history: parameters, and a list of values for each metric.

    The history's ``news`` is what R is to warn of.
    """
    _check_trainable(model)
    options = _options(options)
    run = progress.Run("train", model, turn, _told(options), shown if sharing.is_first() else None)
    callbacks = options.get("callbacks")
    weights = weights_of_classes(options.pop("class_weight", None))
    every = options.get("validation_freq") or 1
    first, last = options.get("initial_epoch") or 0, options.get("epochs") or 1
    x, y = data(x, "x"), data(y, "y")
    if options.get("shuffle") is None:
        options["shuffle"] = _can_shuffle(x)
    feed = feeds.feed(
        x, "x", model,
        epochs=last - first, class_weight=weights, shuffle=bool(options["shuffle"]),
    )  # fmt: skip
    if feed is None:
        options["class_weight"] = weights
        _check_arrays(model, x, y, options.get("sample_weight"))
    else:
        _check_alone("x", y=y, **options)
        _look_at(model, feed)
        x = feed
    if options.get("validation_data") is not None:
        options["validation_data"] = _validation(model, options["validation_data"])
    with (
        _at_work(model, feed, options, x, y),
        sharing.written_once(_listed(options.get("callbacks"))) as options["callbacks"],
        progress.watching(run, options),
        pace.kept(model, callbacks, last - first, feed, run) as steps,
    ):
        model.fit(x, y, **_given(options))
    history = model.history if run.began else None
    epochs = [int(epoch) + 1 for epoch in history.epoch] if history else []
    params = {n: arrays.to_r(value) for n, value in history.params.items()} if history else {}
    told = {
        "params": params | {"steps_per_execution": steps()},
        "epoch": epochs,
        "validated": [epoch for epoch in epochs if model._should_eval(epoch - 1, every)],
        "metrics": {n: _numbers(values) for n, values in history.history.items()}
        if history
        else {},
        "news": [] if feed is None else feed.news(last),
    }
    return told if run.ended is None else _with_the_epoch_left(told, run)


def _can_shuffle(x: Any) -> bool:
    """Does Keras shuffle this? Of a data set with an order of its own it warns that it does not."""
    if isinstance(x, batches.keras().utils.PyDataset):
        return x.num_batches is not None
    return all(hasattr(leaf, "shape") for leaf in batches.leaves(x))


def _with_the_epoch_left(history: dict[str, Any], run: progress.Run) -> dict[str, Any]:
    """The epoch that was interrupted, as far as it came, is the last one of the history."""
    state = run.state()
    if run.began and state["epoch"] not in history["epoch"]:
        known = history["metrics"]
        reached = state["metrics"]
        validation = [name for name in known if name.startswith("val_")]
        for name in dict.fromkeys([*known, *reached]):
            if name not in validation:
                known.setdefault(name, []).append(reached.get(name, math.nan))
        history["epoch"].append(state["epoch"])
    where = {name: state[name] for name in ("epoch", "step", "steps")}
    return {**history, "interrupted": {**where, "at_once": run.ended == "once"}}


@once
def evaluate(
    model: Any, x: Any, y: Any, options: dict[str, Any], turn: progress.Turn | None = None
) -> Any:
    """The loss and metrics by name."""
    _check_compiled(model, "evaluate")
    options = _given(_options(options))
    run = progress.Run("test", model, turn, _told(options))
    results: dict[str, Any] = {}
    x, y = data(x, "x"), data(y, "y")
    feed = feeds.feed(x, "x", model)
    if feed is None:
        _check_arrays(model, x, y, options.get("sample_weight"))
    else:
        _check_alone("x", y=y, **options)
        _look_at(model, feed)
        x = feed
    with (
        _at_work(model, feed, options, x, y),
        progress.watching(run, options),
    ):
        results = model.evaluate(x, y, return_dict=True, **options)
    if run.ended:
        return progress.Interrupted()
    return {name: arrays.to_r(value) for name, value in results.items()}


@once
def predict(
    model: Any,
    x: Any,
    options: dict[str, Any],
    turn: progress.Turn | None = None,
    new_array: Callable[[list[int]], dict[str, Any]] | None = None,
) -> Any:
    """Predictions, batch by batch, as R's arrays; `new_array` makes them in R."""
    options = _given(_options(options))
    x = data(x, "x")
    taken = predictions.started(x, options, new_array)
    run = progress.Run("predict", model, turn, _told(options), take=taken.take)
    predicted = None
    feed = feeds.feed(x, "x", model)
    if feed is not None:
        feeds.build(model, feed.first(), whole=False)
        x = feed
    else:
        batches.check_sizes(x=x)
    with taken.collected():
        with (
            _at_work(model, feed, options, x),
            progress.watching(run, options),
        ):
            predicted = model.predict(x, **options)
        return progress.Interrupted() if run.ended else taken.result(predicted)


@contextmanager
def _at_work(
    model: Any, feed: Any, options: dict[str, Any], x: Any, y: Any = None
) -> Iterator[None]:
    """What `fit()`, `evaluate()` and `predict()` all do around Keras's own."""
    if batches.keras().config.backend() == "tensorflow":
        _trace_anew(model, **_ranks(feed, x, y))
    # Data whose number of batches nobody said is not short of any.
    counted = options.get("steps_per_epoch") or options.get("steps")
    known = feed is None or feed.num_batches is not None
    with (
        _explaining(model, x, y),
        nullcontext() if counted and known else feeds.end_is_no_news(),
        _with_some_loss(model),
        sharing.shared(model),
    ):
        yield


@contextmanager
def _with_some_loss(model: Any) -> Iterator[None]:
    """Where nothing gives a loss, Keras on JAX alone goes on, with one that is 0."""
    keras = batches.keras()
    overridden = type(model).compute_loss is not keras.Model.compute_loss
    if keras.config.backend() != "jax" or overridden or model._compile_loss is not None:
        yield
        return

    def compute_loss(*args: Any, **kwargs: Any) -> Any:
        if not model.losses:  # of layers, which are known once they were called
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return keras.Model.compute_loss(model, *args, **kwargs)

    object.__setattr__(model, "compute_loss", compute_loss)
    try:
        yield
    finally:
        object.__delattr__(model, "compute_loss")


def _trace_anew(model: Any, **ranks: list[Any]) -> None:
    """Let TensorFlow begin anew where the data has other numbers of dimensions than before.

    It would make one function of both, in which no tensor has a known number of dimensions.
    """
    known = vars(model).get(_RANKS, {})
    if any(known.get(name, numbers) != numbers for name, numbers in ranks.items()):
        model.train_function = model.test_function = model.predict_function = None
    object.__setattr__(model, _RANKS, known | ranks)


def _ranks(feed: Any, x: Any, y: Any) -> dict[str, list[Any]]:
    """The numbers of dimensions of inputs and targets; of what does not tell them, its class."""
    if feed is not None:
        parts = feed.first()
    elif (spec := getattr(x, "element_spec", None)) is not None:
        parts = spec if isinstance(spec, tuple) else (spec,)
    elif y is None and not all(hasattr(leaf, "shape") for leaf in batches.leaves(x)):
        return {name: [type(x)] for name in "xy"}
    else:
        parts = (x, y)
    named = zip("xy", parts, strict=False)
    return {name: [*map(_rank, batches.leaves(part))] for name, part in named if part is not None}


def _rank(leaf: Any) -> int | None:
    shape = getattr(leaf, "shape", ())
    return shape.rank if hasattr(shape, "rank") else len(shape)


def _look_at(model: Any, feed: Any) -> None:
    """Build the model on a feed's first batch, which is checked as arrays are."""
    batch = feed.first()
    feeds.build(model, batch, whole=True)
    targets.check(model, batch[1] if len(batch) > 1 else None)


def _validation(model: Any, value: Any) -> Any:
    """The data of a validation, checked as that of a training."""
    feed = feeds.feed(value, "validation_data", model)
    if feed is not None:
        _look_at(model, feed)
        return feed
    value = _triple(value)
    if isinstance(value, tuple):
        parts = (*value, None)[:3]
        batches.check_sizes("validation_data", **dict(zip(batches.PARTS, parts, strict=True)))
        targets.check(model, parts[1], "validation_data")
    return value


def _check_arrays(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    batches.check_sizes(x=x, y=y, sample_weight=sample_weight)
    targets.check(model, y)


def _check_alone(name: str, **others: Any) -> None:
    """Refuse what a source has in its batches, or cannot have at all."""
    for argument in ("y", "sample_weight"):
        if others.get(argument) is not None:
            raise ArgumentError(
                f"`{argument}` belongs into the batches that `{name}` gives: `list(x, y)` or "
                "`list(x, y, sample_weight)`."
            )
    if others.get("validation_split"):
        raise ArgumentError(
            f"`validation_split` needs arrays: `{name}` gives its data batch by batch. Give "
            "`validation_data`."
        )


@contextmanager
def _explaining(model: Any, x: Any, y: Any = None) -> Iterator[None]:
    """Tell of data that do not fit the model, when what is done with them fails."""
    try:
        yield
    except Exception as error:
        explained = mismatch.explained(error, model, x, y)
        if explained is error:
            raise
        raise explained from error


@once
def on_batch(model: Any, what: str, x: Any, y: Any, options: dict[str, Any]) -> Any:
    """`train_on_batch`, `test_on_batch` or `predict_on_batch` on one batch of R data."""
    if what == "predict":
        with _explaining(model, x), sharing.shared(model):
            return arrays.to_r(model.predict_on_batch(data(x, "x")))
    if what == "train":
        _check_trainable(model)
        options["class_weight"] = weights_of_classes(options.get("class_weight"))
    method = getattr(model, f"{what}_on_batch")
    options = _given(_options(options))
    with _explaining(model, x, y), sharing.shared(model):
        return arrays.to_r(method(data(x, "x"), data(y, "y"), return_dict=True, **options))


def _check_trainable(model: Any) -> None:
    backend = str(importlib.import_module("keras").config.backend())
    if not backends.trains(backend):
        raise ArgumentError(
            f"The {backend} backend computes no gradients: it can predict() and evaluate(), not "
            'fit(). Choose another with use_backend("jax") in a new session.'
        )
    _check_compiled(model, "fit")


def _check_compiled(model: Any, what: str) -> None:
    if not model.compiled:
        raise ArgumentError(f"The model is not compiled: call compile() before {what}().")


_WHOLE = (
    "batch_size epochs initial_epoch steps steps_per_epoch validation_steps "
    "validation_batch_size validation_freq"
).split()


def _options(options: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers checked, epochs counted from 0, weights converted."""
    checked = dict(options)
    for name in _WHOLE:
        if checked.get(name) is not None:
            checked[name] = integer(checked[name], name)
            if isinstance(checked[name], str):
                raise ArgumentError(
                    f"`{name}` must be a whole number, not {described(checked[name])}."
                )
            least = checked[name]
            least = min(least, default=1) if isinstance(least, (list, tuple)) else least
            if least < 1:
                raise ArgumentError(f"`{name}` must be 1 or more, not {least}.")
    if checked.get("initial_epoch") is not None:
        checked["initial_epoch"] -= 1
    for callback in _listed(checked.get("callbacks")):
        if callback is None or isinstance(callback, (str, int, float, dict)):
            raise ArgumentError(
                f"`callbacks` must be a callback or a list of these, not {described(callback)}."
            )
        if isinstance(callback, type):
            raise ArgumentError(
                f"`callbacks` holds a class, {callback.__name__}: give an object of it."
            )
    if isinstance(checked.get("validation_freq"), tuple):
        checked["validation_freq"] = list(checked["validation_freq"])
    if checked.get("sample_weight") is not None:
        checked["sample_weight"] = data(checked["sample_weight"], "sample_weight")
    return checked


def _told(options: dict[str, Any]) -> int:
    """How much is shown: of several processes, the first alone shows anything."""
    return int(options.get("verbose") or 0) if sharing.is_first() else 0


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else () if value is None else (value,)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _triple(validation: Any) -> Any:
    """``list(x, y)`` and ``list(x, y, sample_weight)`` as the tuples that Keras expects."""
    if (
        isinstance(validation, dict)
        and validation.keys() <= set(batches.PARTS)
        and "x" in validation
    ):
        validation = [
            validation[part] for part in batches.PARTS if validation.get(part) is not None
        ]
    if isinstance(validation, (np.ndarray, dict)):
        raise ArgumentError(
            "`validation_data` must be `list(x, y)`, `list(x, y, sample_weight)` or a data set: "
            "the inputs alone have nothing to be compared with."
        )
    if isinstance(validation, (list, tuple)):
        if len(validation) not in (2, 3):
            raise ArgumentError(
                "`validation_data` must be `list(x, y)` or `list(x, y, sample_weight)`, "
                f"not a list of {len(validation)}."
            )
        return tuple(data(part, "validation_data") for part in validation)
    if isinstance(validation, np.ndarray):
        raise ArgumentError("`validation_data` must be `list(x, y)` or a data set, not an array.")
    return validation


def _numbers(values: Sequence[Any]) -> list[float]:
    """A metric's value at every epoch; a metric with several values gives its first ones' list."""
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    if frameworks.is_tensor(value):
        value = arrays.to_r(value)
    return value.tolist() if isinstance(value, np.ndarray) else float(value)
