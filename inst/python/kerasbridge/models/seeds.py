"""One seed for every generator of random numbers on Python's side, and where they have come to."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and the backend. R seeds its own generator."""
    importlib.import_module("keras").utils.set_random_seed(seed)


def state(model: Any) -> dict[str, Any]:
    """Where the generators have come to that a training draws from, as plain values.

    They are the model's own, for `layer_dropout()` and its relatives, and NumPy's or torch's, by
    which rows are shuffled. TensorFlow's shuffling tells nobody where it is.
    """
    np = importlib.import_module("numpy")
    name, keys, *rest = np.random.get_state()
    found = {
        "model": [np.asarray(v.numpy()).tolist() for v in _generators(model)],
        "numpy": [name, keys.tobytes().hex(), *rest],
    }
    if "torch" in sys.modules:
        found["torch"] = sys.modules["torch"].get_rng_state().numpy().tobytes().hex()
    return found


def restore(model: Any, state: dict[str, Any]) -> None:
    """Put the generators where they were."""
    np = importlib.import_module("numpy")
    for variable, value in zip(_generators(model), state["model"], strict=False):
        variable.assign(value)
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.frombuffer(bytes.fromhex(keys), np.uint32), *rest))
    if "torch" in sys.modules and "torch" in state:
        torch: Any = sys.modules["torch"]
        values = np.frombuffer(bytes.fromhex(state["torch"]), np.uint8).copy()
        torch.set_rng_state(torch.from_numpy(values))


def _generators(model: Any) -> list[Any]:
    """The states of the model's own generators, each once."""
    states = {
        id(generator): generator.state
        for layer in model._flatten_layers()
        for generator in layer._seed_generators
    }
    return list(states.values())
