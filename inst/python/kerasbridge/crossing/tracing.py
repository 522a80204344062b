"""Compilation of R functions."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def tf_function(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """`tf.function` of an R function: R has no source for AutoGraph to rewrite."""
    tf = importlib.import_module("tensorflow")
    chosen = {name: value for name, value in options.items() if value is not None}
    return tf.function(function, autograph=False, **chosen)
