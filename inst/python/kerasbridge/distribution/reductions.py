"""What a loss is of a part of a batch, so that the parts together give the loss of the whole batch.

On PyTorch each process reduces the values of its own rows to a loss, whose gradient counts by the
process's share of the rows. That is right for a mean over rows. Another reduction is computed here
so that the same weighing is right for it: a sum is divided by the share, and what a mean is divided
by is counted over all processes.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kerasbridge.errors import ArgumentError

#: Reductions by the number of values alone, to which a mask adds how many of these count.
_MEANS = ("sum_over_batch_size", "mean")

#: Losses of Keras that are no sum over rows unless they are given an axis.
_OF_WHOLE_BATCHES = ("dice", "tversky")


@contextmanager
def of_parts(share: float) -> Iterator[None]:
    """Within it, Keras's losses are those of this process's part, `share` of all rows."""
    keras_loss: Any = importlib.import_module("keras.src.losses.loss")
    reduce_values, apply_mask = keras_loss.reduce_values, keras_loss.apply_mask

    def reduced(values: Any, sample_weight: Any = None, reduction: Any = _MEANS[0]) -> Any:
        loss = reduce_values(values, sample_weight, reduction)
        if tuple(values.shape) in ((), (0,)):
            return loss
        if reduction == "sum":
            return loss / share
        if reduction == "mean_with_sample_weight" and sample_weight is not None:
            own = sample_weight.sum()
            return loss * _ratio(own, _over_all(own) * share)
        return loss

    def masked(sample_weight: Any, mask: Any, dtype: Any, reduction: Any) -> Any:
        weights = apply_mask(sample_weight, mask, dtype, reduction)
        if mask is None or reduction not in _MEANS:
            return weights
        valid = (mask != 0).sum().to(weights.dtype)
        return weights * _ratio(valid, _over_all(valid) * share)

    keras_loss.reduce_values, keras_loss.apply_mask = reduced, masked
    try:
        yield
    finally:
        keras_loss.reduce_values, keras_loss.apply_mask = reduce_values, apply_mask


def _over_all(count: Any) -> Any:
    """A count of this process, summed over all of them."""
    total = count.detach().clone()
    importlib.import_module("torch").distributed.all_reduce(total)
    return total


def _ratio(x: Any, y: Any) -> Any:
    """`x / y`, and 0 where nothing counts."""
    return importlib.import_module("keras").ops.divide_no_nan(x, y)


def check(model: Any) -> None:
    """Refuse a loss that is made of all rows together: its parts do not add up."""
    losses: Any = importlib.import_module("keras.src.losses.losses")
    refused = {getattr(losses, name): name for name in _OF_WHOLE_BATCHES}
    for loss in getattr(model._compile_loss, "_flat_losses", None) or ():
        name = refused.get(getattr(loss.loss, "fn", None))
        if name is not None and loss.loss._fn_kwargs.get("axis") is None:
            raise ArgumentError(
                f"loss_{name}() of a whole batch is no sum over its rows, so PyTorch's processes "
                "cannot share it. Give its `axis`, such as `axis = -1` for a value of each row."
            )
