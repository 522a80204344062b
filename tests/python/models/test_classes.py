"""Python classes from R functions."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import pytest
import torch

from kerasbridge.errors import ArgumentError
from kerasbridge.models import classes


def method(name: str, function: Any, formals: str = "", kind: str = "method", **more: Any) -> Any:
    """A method as R gives it; a formal with `=` has a default."""
    names = formals.split()
    return {
        "name": name,
        "function": function,
        "formals": [formal.rstrip("=") for formal in names],
        "required": [not formal.endswith("=") for formal in names],
        "kind": kind,
        **more,
    }


def build(name: str, bases: Any, *methods: Any, **attributes: Any) -> Any:
    return classes.build(name, bases, methods, attributes, "r", "What it does.")


def test_methods_are_python_s_own():
    def initialize(self, value):
        self.value = value

    counter = build(
        "Counter",
        [],
        method("__init__", initialize, "value"),
        method("add", lambda self, n, times=1: self.value + n * times, "n times=", doc="Adds."),
        method("doubled", lambda self: 2 * self.value, kind="property"),
        method("zero", lambda cls: cls(0), kind="class"),
        method("sum", lambda x, y: x + y, "x y", kind="static"),
        limit=9,
    )
    one = counter(1)
    assert (one.value, one.add(2), one.add(2, times=3), one.doubled, one.limit) == (1, 3, 7, 2, 9)
    assert counter.zero().value == 0
    assert counter.sum(1, 2) == 3
    assert (counter.__name__, counter.__module__, counter.__doc__) == (
        "Counter",
        "r",
        "What it does.",
    )
    assert str(inspect.signature(counter.add)) == "(self, n, times=None)"
    assert str(inspect.signature(one.add)) == "(n, times=None)"
    assert counter.add.__doc__ == "Adds."


def test_a_property_with_a_formal_can_be_assigned():
    def level(self, value=None):
        if value is None:
            return self.kept
        self.kept = 2 * value
        return None

    tank = build("Tank", [], method("level", level, "value=", kind="property"))()
    tank.level = 4
    assert tank.level == 8


def test_super_is_the_parent_s():
    parent = build("Parent", [], method("name", lambda self: "parent"))
    child = build(
        "Child",
        [parent],
        method("name", lambda self: "child of " + classes.super_of(child_of(), self, "name")()),
    )

    def child_of():
        return child

    assert child().name() == "child of parent"


def test_torch_modules():
    def initialize(self, size):
        classes.super_of(linear, self, "__init__")()
        self.weight = torch.nn.Parameter(torch.ones(size))

    linear = build(
        "Linear",
        [torch.nn.Module],
        method("__init__", initialize, "size"),
        method("forward", lambda self, x: (self.weight * x).sum(), "x"),
    )
    model = linear(2)
    assert [name for name, _ in model.named_parameters()] == ["weight"]
    assert model(torch.tensor([2.0, 3.0])).item() == 5


def test_keras_layers_build_and_get_training():
    seen = []

    def build_weights(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs, training=None):
        seen.append(training)
        return inputs * self.scale

    layer_class = build(
        "Scale",
        [keras.layers.Layer],
        method("build", build_weights, "input_shape"),
        method("call", call, "inputs training="),
    )
    layer = layer_class()
    np.testing.assert_array_equal(layer(np.full((1, 2), 3.0, "float32"), training=True), [[3, 3]])
    assert seen[-1] is True
    assert layer.scale.shape == (2,)


def test_a_new_layer_is_applied_to_what_was_piped_in():
    layer_class = build("Same", [keras.layers.Layer], method("call", lambda self, x: x, "x"))
    model = keras.Sequential()
    assert classes.new(layer_class, model, "layer_same", name="a") is None
    assert [layer.name for layer in model.layers] == ["a"]
    assert classes.new(layer_class, None, "layer_same").__class__ is layer_class


def test_errors_of_methods_are_their_own():
    def fail(self):
        raise KeyError("x")

    with pytest.raises(KeyError):
        build("Failing", [], method("run", fail))().run()


def test_defaults_that_python_can_show_are_in_the_signature():
    scaled = build(
        "Scaled",
        [keras.layers.Layer],
        method("call", lambda self, x, by=2: x * by, "x by=", defaults={"by": 2.0}),
    )
    assert str(inspect.signature(scaled().call)) == "(x, by=2.0)"


def test_a_parent_must_be_a_class():
    with pytest.raises(ArgumentError, match="parent of Wrong must be a class"):
        build("Wrong", [3])


def test_assigning_what_an_attribute_holds_is_no_assignment():
    fixed = build(
        "Fixed",
        [],
        method("one", lambda self: classes, kind="property"),
        method("many", lambda self: [classes, keras], kind="property"),
    )()
    classes.assign(fixed, "one", classes)
    classes.assign(fixed, "many", [classes, keras])
    with pytest.raises(AttributeError):
        classes.assign(fixed, "one", keras)
    with pytest.raises(AttributeError):
        classes.assign(fixed, "many", [keras, classes])
    classes.assign(fixed, "free", 1)
    assert fixed.free == 1


def test_an_object_knows_the_definition_of_its_class():
    first = build("First", [], _r_definition="first")
    assert classes.definition(first()) == "first"
    assert classes.definition(build("Second", [first], _r_definition="second")()) == "second"


def test_keras_s_own_containers_become_python_s():
    layer = keras.layers.Layer()
    layer.parts, layer.named = [1, 2], {"a": 1}
    assert type(classes.untracked(layer.parts)) is list
    assert type(classes.untracked(layer.named)) is dict
