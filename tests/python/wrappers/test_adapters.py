"""Which functions stand for Keras's own."""

from __future__ import annotations

from kerasbridge.wrappers import adapters, ops


def test_adapters_stand_for_public_functions_of_keras() -> None:
    keras_sum, keras_arange = object(), object()
    assert adapters.adapted("keras.ops.sum", keras_sum) is keras_sum
    assert adapters.adapted("keras.ops.arange", keras_arange) is ops.arange
