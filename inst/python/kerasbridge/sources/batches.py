"""What R's data, and one batch of a source, are as arrays: row-major, in their tensors' dtypes."""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerasbridge.errors import ArgumentError
from kerasbridge.tensors import arrays, frameworks
from kerasbridge.tensors.shapes import described

#: One batch: inputs; inputs and targets; or these and sample weights.
Batch = tuple[Any, ...]

#: The parts of a batch, in order.
PARTS = ("x", "y", "sample_weight")


def data(value: Any, name: str) -> Any:
    """R data as row-major arrays in the dtypes of their tensors, structure kept.

    What is not R's (a data set, a generator, a tensor) passes untouched.
    """
    if isinstance(value, Converted):
        return value.value
    if isinstance(value, np.ndarray):
        if value.ndim == 0 and isinstance(value, arrays.Codes):
            return np.array(value, ndmin=1)  # one sample of a factor
        if value.ndim == 0:
            raise _single(value.item(), name)
        if value.dtype.kind in "OUST":
            return _text(value, name)
        arrays.check_batches(value, name)
        return arrays.row_major(value)
    if isinstance(value, (list, tuple)):
        return [data(part, name) for part in value]
    if isinstance(value, dict):
        return {key: data(part, name) for key, part in value.items()}
    if isinstance(value, (bool, int, float)):
        raise _single(value, name)
    return value


def _text(value: Any, name: str) -> Any:
    """Strings as the backend's trainer takes them: TensorFlow's has tensors of strings."""
    if keras().config.backend() == "tensorflow":
        return arrays.strings(value, name)
    return np.array(value, dtype=object, order="C")


class Converted:
    """What :func:`data` gave, on its way through R to where it is used."""

    def __init__(self, value: Any) -> None:
        self.value = value


def converted(value: Any, name: str) -> Converted:
    """:func:`data` of R's, kept in Python."""
    return Converted(data(value, name))


def _single(value: Any, name: str) -> ArgumentError:
    return ArgumentError(f"`{name}` must be an array or a data set, not the single {value:g}.")


def leaves(value: Any) -> list[Any]:
    """The arrays in a structure of lists and dictionaries, in its order."""
    if value is None:
        return []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def batch(value: Any, name: str) -> Batch:
    """What a source gave as one batch: `x` alone, or the tuple of it, targets and weights."""
    if isinstance(value, dict) and "x" in value and value.keys() <= set(PARTS):
        given = [value.get(part) for part in PARTS]
        while given[-1] is None:
            given.pop()
        value = given
    if not isinstance(value, (list, tuple)):
        value = (value,)
    if not 1 <= len(value) <= len(PARTS) or value[0] is None:
        raise ArgumentError(
            f"A batch of `{name}` must be `list(x)`, `list(x, y)` or "
            f"`list(x, y, sample_weight)`, not a list of {len(value)}."
        )
    converted = tuple(data(_array(part), name) for part in value)
    sizes = {int(leaf.shape[0]) for leaf in map(_sized, leaves(converted)) if leaf is not None}
    if len(sizes) > 1:
        raise ArgumentError(
            f"The parts of a batch of `{name}` differ in their number of samples: "
            f"{', '.join(map(str, sorted(sizes)))}."
        )
    return converted


def _array(part: Any) -> Any:
    """A vector of R's that reticulate has made a list of is an array again."""
    if (
        isinstance(part, (list, tuple))
        and part
        and all(isinstance(one, (bool, int, float)) for one in part)
    ):
        return np.asarray(part)
    return part


def _sized(leaf: Any) -> Any:
    return leaf if getattr(leaf, "shape", ()) else None


def check_sizes(whole: str | None = None, **parts: Any) -> None:
    """Refuse parts that differ in their number of samples, or have none; `whole` has them all."""
    sizes: dict[str, int] = {}
    for part, value in parts.items():
        for leaf in leaves(value):
            if getattr(leaf, "shape", ()):
                sizes.setdefault(part, int(leaf.shape[0] or 0))
                if sizes[part] != leaf.shape[0]:
                    raise _unequal({part: sizes[part], f"another part of {part}": leaf.shape[0]})
    named = {f"{whole}${part}" if whole else part: size for part, size in sizes.items()}
    if len(set(named.values())) > 1:
        raise _unequal(named)
    for part, size in named.items():
        if size == 0:
            raise ArgumentError(f"`{part}` has no samples: there is nothing to work on.")


def _unequal(sizes: dict[str, int]) -> ArgumentError:
    told = ", ".join(f"`{part}` has {size}" for part, size in sizes.items())
    return ArgumentError(f"All data must have the same number of samples: {told}.")


def not_finite(value: Any, place: Any = None) -> list[dict[str, Any]]:
    """Where `value` has missing or infinite numbers: for each array its place in the structure
    and its columns, counted from 1."""
    if isinstance(value, Converted):
        return not_finite(value.value)
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in not_finite(part, key)]
    if isinstance(value, (list, tuple)):
        return [found for i, part in enumerate(value) for found in not_finite(part, i + 1)]
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or _all_finite(value):
        return []
    bad = ~np.isfinite(value)
    columns = np.flatnonzero(bad.reshape(-1, value.shape[-1]).any(axis=0)) if value.ndim > 1 else ()
    return [
        {
            "place": place,
            "columns": [int(column) + 1 for column in columns] if value.ndim == 2 else [],
            "missing": bool(np.isnan(value).any()),
            "count": int(bad.sum()),
        }
    ]


def _all_finite(value: Any) -> bool:
    """One pass over the memory; only what is too large to be squared is looked at again."""
    flat = value.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.dot(flat, flat))) or bool(np.isfinite(flat).all())


class Drain:
    """The batches of an iterator, drained by whoever asks, on the asker's own thread.

    R can be called by the thread that trains alone, so nothing here runs by itself: batches are
    made when the trainer asks for the next one, and a device that computes by itself is then
    still busy with the one before. `ahead` is how many are then made at a time.

    A pass is what `start` gives, from its first batch to its end; :meth:`rewind` starts another.
    `ready` says that its batches are tuples of arrays already, all of one kind.
    """

    def __init__(self, start: Callable[[], Iterator[Any]], name: str, ready: bool = False) -> None:
        self.name = name
        self.ahead = 1
        self._ready = ready
        self._start = start
        self._iterator = start()
        self._ended = False
        self._held: deque[Batch] = deque()
        self._spec: list[tuple[str, int]] | None = None
        self._structure: Any = None

    def peek(self) -> bool:
        """Whether the pass has a further batch, which is made if need be."""
        if not self._held:
            while not self._ended and len(self._held) < self.ahead:
                value = next(self._iterator, None)
                if value is None:
                    self._ended = True
                elif self._ready:
                    self._held.append(value)
                else:
                    self._held.append(self._like_the_first(batch(value, self.name)))
        return bool(self._held)

    def take(self) -> Batch | None:
        """The next batch, or ``None`` at the end of the pass."""
        return self._held.popleft() if self.peek() else None

    def first(self) -> Batch:
        """The next batch, of another pass if this one is at its end; it stays the next one."""
        if not self.peek() and not self.rewind():
            raise ArgumentError(f"`{self.name}` gave no batch: there is nothing to work on.")
        return self._held[0]

    def rewind(self) -> bool:
        """Start another pass: whether it has a batch."""
        self._iterator = self._start()
        self._held.clear()
        self._ended = False
        return self.peek()

    def _like_the_first(self, batch: Batch) -> Batch:
        """`batch` in the dtypes of the first one; refused where it has other parts or axes."""
        structure, spec = _structure(batch), [_spec(leaf) for leaf in leaves(batch)]
        if self._spec is None:
            self._spec, self._structure = spec, structure
        if structure != self._structure or [axes for _, axes in spec] != [
            axes for _, axes in self._spec
        ]:
            raise ArgumentError(
                f"A batch of `{self.name}` differs from the first one in its parts or their "
                f"dimensions: {_told(batch)}."
            )
        if spec == self._spec:
            return batch
        dtypes = iter([dtype for dtype, _ in self._spec])
        return tuple(_cast(part, dtypes) for part in batch)


def _structure(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _structure(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_structure(part) for part in value]
    return value is None


def _spec(leaf: Any) -> tuple[str, int]:
    return str(getattr(leaf, "dtype", type(leaf).__name__)), len(getattr(leaf, "shape", ()))


def _cast(value: Any, dtypes: Iterator[str]) -> Any:
    """`value` with its arrays in the next ones of `dtypes`."""
    if isinstance(value, dict):
        return {key: _cast(part, dtypes) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cast(part, dtypes) for part in value]
    if value is None:
        return None
    dtype = next(dtypes)
    return value.astype(dtype) if isinstance(value, np.ndarray) else value


def _told(batch: Batch) -> str:
    return ", ".join(
        f"{dtype} {tuple(getattr(leaf, 'shape', ()))}"
        for leaf, (dtype, _) in ((leaf, _spec(leaf)) for leaf in leaves(batch))
    )


def weighted(batch: Batch, class_weight: dict[int, float] | None) -> Batch:
    """`batch` with a weight for each sample, by the class that its target is."""
    if class_weight is None:
        return batch
    if len(batch) != 2:
        raise ArgumentError("`class_weight` needs batches of inputs and targets, `list(x, y)`.")
    return (*batch, weights_of(batch[1], class_weight))


def weights_of(y: Any, class_weight: dict[int, float]) -> Any:
    """The weight of each target's class; one that is not listed has 1."""
    codes = np.asarray(y if not frameworks.is_tensor(y) else frameworks.of(y).to_numpy(y))
    if codes.ndim > 1:
        codes = codes.argmax(axis=-1) if codes.shape[-1] > 1 else codes[..., 0]
    codes = np.rint(codes).astype("int64")
    weights = np.ones(codes.shape, dtype=arrays.floatx())
    for code, weight in class_weight.items():
        weights[codes == code] = weight
    return weights


def shown(batch: Batch) -> list[dict[str, Any]]:
    """What R prints of a batch: for each part its arrays' dtypes and sizes, samples left out."""
    return [
        {
            "part": part,
            "arrays": [
                {"dtype": _spec(leaf)[0], "shape": [int(n) for n in getattr(leaf, "shape", ())[1:]]}
                for leaf in leaves(value)
            ],
        }
        for part, value in zip(PARTS, batch, strict=False)
    ]


def refuse(value: Any, name: str) -> ArgumentError:
    """The refusal of what yields no batches."""
    return ArgumentError(f"`{name}` must be data or yield batches, not {described(value)}.")


def keras() -> Any:
    """Keras, which is imported when something is trained and not before."""
    return importlib.import_module("keras")
