"""What is in use is what was made, wherever its memory comes from."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from kerasbridge.memory import gauges

MB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="the other systems tell it in their own way")
def test_the_process_holds_what_numpy_has_made_and_no_more():
    gauge = gauges.process()
    assert gauge is not None
    before = gauge.used()
    array = np.ones(64 * MB, dtype="uint8")
    held = gauge.used()
    del array
    assert 63 * MB < held - before < 72 * MB
    assert gauge.used() < before + 8 * MB
    free = gauge.free()
    assert free is not None
    assert free > 0


def test_tensorflow_tells_of_the_tensors_that_its_allocator_keeps(python):
    """Nothing is asked before TensorFlow has started its devices by itself. Whether oneDNN's
    allocator is used unasked is a matter of the processor."""
    script = """
import sys
from kerasbridge.memory import gauges
known = set()
assert list(gauges.devices(known)) == [] and "tensorflow" not in sys.modules
import tensorflow as tf
assert list(gauges.devices(known)) == [] and not known
a = tf.ones((1024, 1024))
(gauge,) = gauges.devices(known)
assert list(gauges.devices(known)) == []
before = gauge.used()
more = [a * 2 for _ in range(16)]
grown = gauge.used() - before
del more
print(gauge.name, round(grown / 2**22), gauge.used() == before)
"""
    assert python(script, TF_ENABLE_ONEDNN_OPTS="1") == "CPU:0 16 True"


def test_a_framework_without_a_device_of_its_own_has_no_gauge(python):
    script = """
from kerasbridge.memory import gauges
import {module}
{start}
print(list(gauges.devices(set())))
"""
    assert python(script.format(module="torch", start="torch.ones(3)")) == "[]"
    assert python(script.format(module="jax", start="jax.numpy.ones(3)")) == "[]"
