"""One seed for all."""

from __future__ import annotations

import random

import keras
import numpy as np

from kerasbridge.models import seeds


def draw() -> list[float]:
    weights = keras.layers.Dense(1)
    weights.build((None, 1))
    numbers = [random.random(), np.random.rand(), weights.kernel, keras.random.normal(())]
    return [float(np.asarray(number).item()) for number in numbers]


def test_the_same_seed_gives_the_same_numbers():
    seeds.seed_all(3)
    first = draw()
    seeds.seed_all(3)
    assert draw() == first
    seeds.seed_all(4)
    assert all(new != old for new, old in zip(draw(), first, strict=True))
