"""Data parallel training on PyTorch: Keras's own trainer, with gradients averaged by torch.

Every process begins with the first one's weights, reads the same batches and takes its rows of
each. What a process adds to a gradient or to a metric is weighted by its rows, so that the sums are
those of one process with the whole batch; reductions.py has what that asks of losses. Statistics
that layers keep themselves, such as those of batch normalization, are averaged after each step.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from weakref import WeakSet

from kerasbridge.distribution import clusters, ranks, reductions
from kerasbridge.errors import ArgumentError


class DataParallel:
    """What distribution_data_parallel() gives on PyTorch: the processes that were joined."""

    def __init__(
        self, device_mesh: Any = None, devices: Any = None, auto_shard_dataset: bool = True
    ) -> None:
        if device_mesh is not None or devices is not None:
            raise ArgumentError(
                "On PyTorch each process computes on one device: leave out "
                f"`{'devices' if device_mesh is None else 'device_mesh'}`, and start one process "
                "per device with launch()."
            )
        self.auto_shard_dataset = bool(auto_shard_dataset)

    @property
    def processes(self) -> int:
        place = clusters.current()
        return 1 if place is None else place.processes

    def __repr__(self) -> str:
        return f"<DataParallel over {self.processes} process{'es' * (self.processes > 1)}>"


_chosen: list[DataParallel] = []

#: Models that have the same weights in every process: they have begun to train.
_alike: WeakSet[Any] = WeakSet()


def set_distribution(value: Any) -> None:
    """The distribution of all that is trained from now on; ``None`` ends it."""
    if value is not None and not isinstance(value, DataParallel):
        raise ArgumentError(
            "`value` must be a distribution from distribution_data_parallel(), the only one "
            "on PyTorch."
        )
    _chosen[:] = [] if value is None else [value]


def distribution() -> DataParallel | None:
    """The distribution that was set."""
    return _chosen[-1] if _chosen else None


@contextmanager
def shared(model: Any) -> Iterator[None]:
    """Share the batches of `model` for a time, where a distribution says so."""
    chosen, place = distribution(), clusters.current()
    if chosen is None or place is None:
        yield
        return
    step = _Step(model, place, chosen.auto_shard_dataset)
    with step.taken():
        yield


class _Step:
    """The trainer's functions for one step, each on this process's rows."""

    def __init__(self, model: Any, place: ranks.Place, whole: bool) -> None:
        self.model = model
        self.place = place
        self.whole = whole
        self.torch = importlib.import_module("torch")
        self.tree = importlib.import_module("keras").tree
        self.share = 1.0
        self.in_parts = True
        self.hooks: list[Any] = []

    @contextmanager
    def taken(self) -> Iterator[None]:
        model = self.model
        makers = ("train", "test", "predict")
        inner: dict[str, Any] = {}
        for name in makers:
            if name == "predict" or getattr(model, "compiled", False):
                getattr(model, f"make_{name}_function")()
                inner[name] = getattr(model, f"{name}_function")
        if "train" in inner:
            model.train_function = self._train(inner["train"])
            model.test_function = self._test(inner["test"])
        model.predict_function = self._predict(inner["predict"])
        try:
            yield
        finally:
            for hook in self.hooks:
                hook.remove()
            for name, function in inner.items():
                setattr(model, f"{name}_function", function)

    def _train(self, function: Any) -> Any:
        hooked: set[int] = set()

        def train(data: Any) -> Any:
            if not self.model.built:
                self.model._symbolic_build(data_batch=data[0])
            if self.model not in _alike:
                self._begin_alike()
            for variable in self.model.trainable_variables:
                parameter = variable.value
                if id(parameter) not in hooked:
                    hooked.add(id(parameter))
                    self.hooks.append(parameter.register_post_accumulate_grad_hook(self._reduce))
            result = self._with_metrics(function, data)
            self._average_statistics()
            return result

        return train

    def _test(self, function: Any) -> Any:
        return lambda data: self._with_metrics(function, data)

    def _predict(self, function: Any) -> Any:
        def predict(data: Any) -> Any:
            if not self.whole:
                return function(data)
            rows = [self._bounds(batch) for batch in data]
            outputs = function([self._part(batch) for batch in data])
            return self.tree.map_structure(lambda x: self._gathered(x, rows), outputs)

        return predict

    def _gathered(self, x: Any, rows: list[Any]) -> Any:
        if any(bounds is None for bounds in rows):
            return x
        distributed = self.torch.distributed
        parts: list[Any] = [None] * self.place.processes
        distributed.all_gather_object(parts, x.detach().cpu())
        return self.torch.cat(parts)

    def _with_metrics(self, function: Any, data: Any) -> Any:
        """Run one step; what it added to the metrics' states is summed over the processes."""
        share = self._weigh(data)
        states = [
            variable for variable in self.model.metrics_variables if "float" in str(variable.dtype)
        ]
        before = [variable.value.detach().clone() for variable in states]
        if self.in_parts:
            reductions.check(self.model)
        with reductions.of_parts(self.share) if self.in_parts else nullcontext():
            function([self._part(batch) for batch in data] if self.whole else data)
        with self.torch.no_grad():
            for variable, old in zip(states, before, strict=True):
                added = (variable.value.detach() - old) * share
                self.torch.distributed.all_reduce(added)
                variable.assign(old + added)
        return self.model.get_metrics_result()

    def _weigh(self, data: Any) -> float:
        """Set the weight of this process's gradients; gives that of its metrics' states."""
        processes = self.place.processes
        self.in_parts = True
        if not self.whole:
            self.share = 1.0 / processes
            return 1.0
        bounds = self._bounds(data[0])  # a step is one batch: torch's Keras has no other
        if bounds is None:
            self.share, self.in_parts = 1.0 / processes, False
            return 1.0 / processes
        self.share = (bounds[1] - bounds[0]) / bounds[2]
        return 1.0

    def _bounds(self, batch: Any) -> tuple[int, int, int] | None:
        """The rows of a batch that are this process's; ``None`` where there are too few."""
        rows = next(len(x) for x in self.tree.flatten(batch) if x is not None)
        processes, rank = self.place.processes, self.place.rank
        if rows < processes:
            return None
        return rows * rank // processes, rows * (rank + 1) // processes, rows

    def _part(self, batch: Any) -> Any:
        bounds = self._bounds(batch)
        if bounds is None:
            return batch
        return self.tree.map_structure(
            lambda x: None if x is None else x[bounds[0] : bounds[1]], batch
        )

    def _reduce(self, parameter: Any) -> None:
        parameter.grad.mul_(self.share)
        self.torch.distributed.all_reduce(parameter.grad)

    def _begin_alike(self) -> None:
        """Where each process has set a seed of its own, their models differ."""
        with self.torch.no_grad():
            for variable in self.model.weights:
                value = variable.value.detach().clone()
                self.torch.distributed.broadcast(value, 0)
                variable.assign(value)
        _alike.add(self.model)

    def _average_statistics(self) -> None:
        with self.torch.no_grad():
            for variable in self.model.non_trainable_variables:
                if "float" in str(variable.dtype):
                    value = variable.value.detach().clone()
                    self.torch.distributed.all_reduce(value)
                    variable.assign(value / self.place.processes)
