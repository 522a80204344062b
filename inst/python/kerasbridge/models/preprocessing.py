"""Preprocessing layers learn from R's data."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from kerasbridge.sources import batches
from kerasbridge.tensors import arrays


def adapt(layer: Any, data: Any, options: dict[str, Any]) -> None:
    """`layer` learns its vocabulary, mean or boundaries from `data`, converted once."""
    if isinstance(data, str):
        data = np.array([data], dtype=object)
    chosen = {name: value for name, value in options.items() if value is not None}
    layer.adapt(batches.data(data, "data"), **chosen)


def vocabulary(layer: Any, options: dict[str, Any]) -> Any:
    """The terms of a lookup layer, in the order of their codes, of its type also without any."""
    numbers = isinstance(layer, importlib.import_module("keras").layers.IntegerLookup)
    terms = np.array(layer.get_vocabulary(**options), dtype=np.int64 if numbers else str)
    return arrays.to_r(terms)


def set_vocabulary(layer: Any, terms: Any, idf_weights: Any) -> None:
    """The terms of a lookup layer, and the weight of each for TF-IDF."""
    terms = [terms] if isinstance(terms, (str, int, float)) else list(terms)
    if idf_weights is None:
        layer.set_vocabulary(terms)
    else:
        layer.set_vocabulary(terms, idf_weights=np.atleast_1d(np.asarray(idf_weights)))


def feature(kind: str, options: dict[str, Any]) -> Any:
    """A feature of a `FeatureSpace`; what is ``None`` keeps Keras's default."""
    space = importlib.import_module("keras").utils.FeatureSpace
    return getattr(space, kind)(**{n: v for n, v in options.items() if v is not None})
