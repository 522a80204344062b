"""Keras functions that R needs in another form than a conversion of arguments can give.

An adapter stands for the Keras function of its public name, in the generator too: its
parameters are those of the wrapper. Positions are 0-based here, as everywhere in the shim.
"""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from kerasbridge import backends
from kerasbridge.distribution import averaging, clusters
from kerasbridge.errors import ArgumentError
from kerasbridge.memory import watch
from kerasbridge.models import backups, callbacks
from kerasbridge.sources import batches, graindata, pipelines
from kerasbridge.tensors import arrays, frameworks
from kerasbridge.tensors.kinds import integer
from kerasbridge.wrappers import ops, repaired

Function = Callable[..., Any]


def feature_space(
    features: Any = None,
    output_mode: str = "concat",
    crosses: Any = None,
    crossing_dim: int = 32,
    hashing_dim: int = 32,
    num_discretization_bins: int = 32,
    name: str | None = None,
    feature_names: Any = None,
) -> Any:
    """Keras describes `features` under the name `feature_names`."""
    return importlib.import_module("keras").utils.FeatureSpace(
        feature_names if features is None else features,
        output_mode=output_mode,
        crosses=crosses,
        crossing_dim=crossing_dim,
        hashing_dim=hashing_dim,
        num_discretization_bins=num_discretization_bins,
        name=name,
    )


def mean_metric_wrapper(
    fn: Function, name: str | None = None, dtype: Any = None, **fn_arguments: Any
) -> Any:
    """Further arguments are those of `fn`."""
    metrics = importlib.import_module("keras").metrics
    return metrics.MeanMetricWrapper(fn, name=name, dtype=dtype, **fn_arguments)


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """A factor has a column for each of its levels, whether it occurs or not."""
    if isinstance(x, arrays.Codes) and num_classes is None:
        num_classes = x.levels
    if isinstance(x, np.ndarray) and x.dtype.kind in "OU":
        raise ArgumentError("`x` must be class codes or a factor: write `factor(x)`.")
    codes = np.asarray(x) if isinstance(x, np.ndarray) else x
    return importlib.import_module("keras").utils.to_categorical(codes, num_classes)


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> Any:
    """R's whole numbers count samples, whether they are integers or not."""
    return importlib.import_module("keras").utils.split_dataset(
        batches.data(dataset, "dataset"),
        left_size=_share_or_count(left_size, "left_size"),
        right_size=_share_or_count(right_size, "right_size"),
        shuffle=shuffle,
        seed=seed,
        preferred_backend=preferred_backend,
    )


def _share_or_count(size: Any, name: str) -> Any:
    return integer(size, name) if isinstance(size, float) and size > 1 else size


def variable(
    initializer: Any,
    shape: Any = None,
    dtype: Any = None,
    trainable: bool = True,
    autocast: bool = True,
    aggregation: str = "none",
    synchronization: str = "auto",
    name: str | None = None,
    layout: Any = None,
) -> Any:
    """The first value may be R's data, in `dtype` at once, or an initializer or its name."""
    keras = importlib.import_module("keras")
    options = {} if layout is None else {"layout": layout}  # the oldest Keras has none
    if isinstance(initializer, type):
        initializer = initializer()
    if not isinstance(initializer, str) and not callable(initializer):
        if not frameworks.is_made(initializer):
            initializer = arrays.tensor_of(initializer, dtype, "initializer")
        initializer = ops.convert_to_tensor(initializer, dtype)
    return keras.Variable(
        initializer,
        shape=shape,
        dtype=dtype,
        trainable=trainable,
        autocast=autocast,
        aggregation=aggregation,
        synchronization=synchronization,
        name=name,
        **options,
    )


def named_split(load: Function) -> Function:
    """A data set as R scripts read it: ``$train$x``, ``$train$y``, ``$test$x``, ``$test$y``.

    Unless told to `convert`, it is NumPy's arrays.
    """

    @functools.wraps(load)
    def split(*values: Any, convert: bool = True, **options: Any) -> Any:
        parts = zip(("train", "test"), load(*values, **options), strict=True)
        if not convert:
            return arrays.Kept({name: {"x": x, "y": y} for name, (x, y) in parts})
        return {name: {"x": _listed(x), "y": y} for name, (x, y) in parts}

    signature = inspect.signature(load)
    option = inspect.Parameter("convert", inspect.Parameter.KEYWORD_ONLY, default=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    split.__signature__ = signature.replace(parameters=[*own, option])  # type: ignore[attr-defined]
    return split


def _listed(x: Any) -> Any:
    """Sequences of different lengths are a list."""
    return x.tolist() if x.dtype == object else x


def clear_session(free_memory: bool = True) -> None:
    """A model is let go by R's collector first: what Keras then has Python collect is a cycle."""
    importlib.import_module("keras").backend.clear_session(False)
    if free_memory and not watch.relieve():
        gc.collect()


def of_engine(make: Function) -> Function:
    """What makes a data set of ``tf.data`` makes one of grain where TensorFlow is not installed."""
    signature = inspect.signature(make)

    @functools.wraps(make)
    def made(*values: Any, **options: Any) -> Any:
        given = signature.bind(*values, **options)
        if given.arguments.get("format", "tf") == "tf" and pipelines.chosen(None) == "grain":
            if "format" not in signature.parameters:
                raise ArgumentError(f"{make.__name__}() needs TensorFlow, which is not installed.")
            given.arguments["format"] = "grain"
        for name in _SERIES & given.arguments.keys():
            given.arguments[name] = batches.data(given.arguments[name], name)
        result = make(*given.args, **given.kwargs)
        if given.arguments.get("format") != "grain":
            return result
        several = isinstance(result, (list, tuple))
        sets = [graindata.with_text_arrays(part) for part in (result if several else [result])]
        return sets if several else sets[0]

    return made


def bidirectional(make: Function) -> Function:
    """Keras makes both directions from the layer's configuration. It finds a class of Python's in
    its module; a class of R's has none, and is known by its name meanwhile."""

    @functools.wraps(make)
    def made(layer: Any, *values: Any, **options: Any) -> Any:
        keras = importlib.import_module("keras")
        classes = {
            type(part).__name__: type(part)
            for given in (layer, *values, *options.values())
            if isinstance(given, keras.Layer)
            for part in given._flatten_layers()
            if not type(part).__module__.startswith("keras.")
        }
        with keras.saving.custom_object_scope(classes):
            return make(layer, *values, **options)

    return made


#: Functions of Keras that make a data set.
_MAKERS: Final = frozenset(
    f"keras.preprocessing.{name}"
    for name in (
        "audio_dataset_from_directory",
        "image_dataset_from_directory",
        "text_dataset_from_directory",
        "timeseries_dataset_from_array",
    )
) | {"keras.utils.audio_dataset_from_directory"}

#: Their arguments that hold R's data: in the dtypes that it has as tensors.
_SERIES: Final = frozenset(("data", "targets"))

_ADAPTERS: Final[dict[str, Function]] = (
    ops.ADAPTED
    | repaired.EVERYWHERE
    | {
        "keras.Variable": variable,
        "keras.backend.clear_session": clear_session,
        "keras.callbacks.BackupAndRestore": backups.backup_and_restore,
        "keras.callbacks.LambdaCallback": callbacks.lambda_callback,
        "keras.callbacks.ModelCheckpoint": backups.model_checkpoint,
        "keras.distribution.initialize": clusters.initialize,
        "keras.metrics.MeanMetricWrapper": mean_metric_wrapper,
        "keras.utils.FeatureSpace": feature_space,
        "keras.utils.normalize": ops.normalize_array,
        "keras.utils.split_dataset": split_dataset,
        "keras.utils.to_categorical": to_categorical,
    }
)


#: What one backend alone needs; wrappers on the others call Keras's function.
_ADAPTERS_OF: Final[dict[str, dict[str, Function]]] = repaired.ON | {
    "torch": repaired.ON["torch"]
    | {
        "keras.distribution.DataParallel": averaging.DataParallel,
        "keras.distribution.distribution": averaging.distribution,
        "keras.distribution.set_distribution": averaging.set_distribution,
    },
}


def adapted(python: str, function: Any) -> Any:
    """What a wrapper of the public name `python` calls: its adapter, or Keras's `function`."""
    if python.startswith("keras.datasets.") and python.endswith(".load_data"):
        return named_split(function)
    if python in _MAKERS:
        return of_engine(function)
    if python == "keras.layers.Bidirectional":
        return bidirectional(function)
    of_backend = _ADAPTERS_OF.get(backends.loaded() or "", {})
    return of_backend.get(python) or _ADAPTERS.get(python, function)
