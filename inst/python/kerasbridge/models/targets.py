"""Which targets a model's losses can be computed from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.sources import batches


def check(model: Any, y: Any, whole: str | None = None) -> None:
    """Refuse targets that are missing, and class codes that no output of the model stands for.

    A framework would count the one as NaN, and read the other from beyond the output.
    """
    name = f"{whole}$y" if whole else "y"
    for leaf in batches.leaves(y):
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" and _has_nan(leaf):
            raise ArgumentError(
                f"`{name}` has missing values, and no loss can be computed from them: leave their "
                "samples out, or give them a `sample_weight` of 0 and another value."
            )
    for loss, target, units in _outputs(model, y):
        if isinstance(target, np.ndarray) and target.size and units is not None and _counts(loss):
            _check_codes(target, units, name, getattr(loss, "ignore_class", None))


def _has_nan(array: Any) -> bool:
    flat = array.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return not np.isfinite(np.dot(flat, flat)) and bool(np.isnan(flat).any())


def _check_codes(target: Any, units: int, name: str, ignored: int | None) -> None:
    low, high = target.min(), target.max()
    if ignored is not None and (low == ignored or high == ignored):
        kept = target[target != ignored]
        low, high = (kept.min(), kept.max()) if kept.size else (0, 0)
    if low >= 0 and high < units:
        return
    code = low if low < 0 else high
    hint = (
        " Class codes count from 0: a factor is converted for you, other codes need `- 1`."
        if low >= 1 and high == units
        else " Class codes count from 0; a factor is converted for you."
    )
    raise ArgumentError(
        f"`{name}` has the class code {code:g}, and the model has {units} outputs, for codes 0 to "
        f"{units - 1}.{hint}"
    )


def _counts(loss: Any) -> bool:
    """Whether `loss` reads its target as the position of an output."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return str(name).lower().replace("_", "") == "sparsecategoricalcrossentropy"


def _outputs(model: Any, y: Any) -> Iterator[tuple[Any, Any, int | None]]:
    """Each output's loss, target and number of units, as far as they can be told."""
    loss, outputs = getattr(model, "loss", None), getattr(model, "outputs", None)
    if loss is None or y is None or not outputs:
        return
    if len(outputs) == 1:
        target, one = batches.leaves(y), batches.leaves(loss)
        if len(target) == len(one) == 1:
            yield one[0], target[0], _units(outputs[0])
    elif isinstance(loss, dict) and isinstance(y, dict):
        names = list(getattr(model, "output_names", ()))
        for key in loss.keys() & y.keys():
            position = names.index(key) if key in names else None
            yield loss[key], y[key], None if position is None else _units(outputs[position])
    elif isinstance(loss, (list, tuple)) and isinstance(y, (list, tuple)):
        for one, part, output in zip(loss, y, outputs, strict=False):
            yield one, part, _units(output)


def _units(output: Any) -> int | None:
    size = output.shape[-1] if len(output.shape) > 1 else None
    return None if size is None else int(size)


def from_logits(model: Any) -> bool:
    """Whether the model's one loss takes its outputs for logarithms of odds."""
    loss = batches.leaves(getattr(model, "loss", None))
    if len(loss) != 1:
        return False
    kept = getattr(loss[0], "_fn_kwargs", {}).get("from_logits")
    return bool(getattr(loss[0], "from_logits", kept))
