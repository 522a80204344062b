"""Subscripts on every framework's tensors, against plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from conftest import Native, r_array
from hypothesis import given, settings
from hypothesis import strategies as st
from tensors import subscripts as model

from kerasbridge.errors import ArgumentError, SubscriptError
from kerasbridge.tensors import indexing

# JAX compiles each new shape, so that its examples cost a hundred times those of the others.
EXAMPLES = {"numpy": 200, "torch": 100, "tensorflow": 40, "jax": 12}

each_framework = pytest.mark.parametrize("name", EXAMPLES)


def get(x: Any, *captured: Any, style: str = "r", drop: bool = True) -> Any:
    return Native.array(indexing.get(x, style, drop, list(captured)))


def put(x: Any, value: Any, *captured: Any, style: str = "r") -> Any:
    return Native.array(indexing.set(x, style, value, list(captured)))


def numbered(shape: tuple[int, ...], dtype: str = "float32") -> Any:
    return np.arange(1, math.prod(shape) + 1, dtype=dtype).reshape(shape)


def check(name: str, strategy: Any, test: Any) -> None:
    """Run `test` on this framework's number of examples of `strategy`."""
    native = Native(name)

    @settings(max_examples=EXAMPLES[name])
    @given(strategy)
    def run(case: Any) -> None:
        test(native, case)

    run()


# --- Random subscripts ------------------------------------------------------------------------


@each_framework
def test_r_subscripts_select_every_combination(name):
    def test(native, case):
        (shape, subscripts, captured), drop = case
        x = numbered(shape)
        result = get(native.tensor(x), *captured, drop=drop)
        np.testing.assert_array_equal(result, model.selected(x, subscripts, drop), strict=True)

    check(name, st.tuples(model.cases(), st.booleans()), test)


@each_framework
def test_r_subscripts_assign_to_every_combination(name):
    def test(native, case):
        (shape, subscripts, captured), how = case
        x = numbered(shape)
        selection = model.selected(x, subscripts)
        values = -np.arange(1.0, selection.size + 1)
        value, data = {
            "single": (-1.0, -1.0),
            "same shape": (-selection, r_array(-selection, "float64")),
            "R's order": (values.reshape(selection.shape, order="F"), r_array(values)),
        }[how]
        result = put(native.writable(x), data, *captured)
        np.testing.assert_array_equal(result, model.replaced(x, subscripts, value), strict=True)

    how = st.sampled_from(["single", "same shape", "R's order"])
    check(name, st.tuples(model.cases(), how), test)


@each_framework
def test_python_subscripts_are_numpy_s(name):
    def test(native, case):
        shape, key, captured = case
        x = numbered(shape)
        try:
            expected = x[key]
        except IndexError:  # vectors of different lengths, which no framework can pair
            with pytest.raises((IndexError, ValueError, RuntimeError, tf.errors.OpError)):
                get(native.tensor(x), *captured, style="py")
            return
        result = get(native.tensor(x), *captured, style="py")
        np.testing.assert_array_equal(result, expected, strict=True)

    check(name, model.py_cases(), test)


@each_framework
def test_python_subscripts_assign_as_numpy_s(name):
    def test(native, case):
        shape, key, captured = case
        x = numbered(shape)
        expected = x.copy()
        try:
            expected[key] = -1
        except IndexError:
            return
        result = put(native.writable(x), -1.0, *captured, style="py")
        np.testing.assert_array_equal(result, expected, strict=True)

    check(name, model.py_cases(), test)


@each_framework
def test_a_mask_selects_in_column_major_order(name):
    def test(native, case):
        shape, bits = case
        mask = np.array(bits[: math.prod(shape)], bool).reshape(shape)
        x = numbered(shape)
        for subscript in (r_array(mask), native.tensor(mask)):
            np.testing.assert_array_equal(
                get(native.tensor(x), subscript), x.T[mask.T], strict=True
            )
            np.testing.assert_array_equal(get(native.tensor(x), subscript, style="py"), x[mask])
            value = -np.arange(1.0, mask.sum() + 1)
            expected = x.copy()
            expected.T[mask.T] = value
            result = put(native.writable(x), r_array(value), subscript)
            np.testing.assert_array_equal(result, expected, strict=True)

    shapes = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple)
    check(name, st.tuples(shapes, st.lists(st.booleans(), min_size=27, max_size=27)), test)


@each_framework
def test_a_matrix_of_coordinates_selects_elements(name):
    def test(native, case):
        shape, seed = case
        x = numbered(shape)
        random = np.random.default_rng(seed)
        places = random.integers(0, shape, size=(seed % 4, len(shape)))
        signs = random.integers(0, 2, size=places.shape)
        coordinates = np.where(signs, places + 1, places - np.array(shape))
        expected = x[tuple(places.T)]
        for subscript in (
            r_array(coordinates, "float64"),
            native.tensor(coordinates.astype("int32")),
        ):
            np.testing.assert_array_equal(get(native.tensor(x), subscript), expected, strict=True)
            changed = x.copy()
            changed[tuple(places.T)] = -1
            np.testing.assert_array_equal(put(native.writable(x), -1.0, subscript), changed)

    shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
    check(name, st.tuples(shapes, st.integers(0, 10**6)), test)


# --- Plain subscripts, as a string -------------------------------------------------------------


def test_a_selector_selects_what_its_string_says(native):
    x = numbered((3, 4, 2))
    tensor = native.tensor(x)
    select = indexing.selector("r", "-1,_,v,")
    for _ in range(2):  # anew, and by what was kept
        np.testing.assert_array_equal(Native.array(select(tensor, 2)), x[-1, :, 1])
        np.testing.assert_array_equal(Native.array(select(tensor, -2)), x[-1, :, 0])
    for key, expected in [
        ("2,", x[1]),
        ("_,n,2:,", x[:, None, 1:]),
        (".,:1,", x[..., :1]),
        ("3:1:-2,_,_,", x[::-2]),
        ("_,_,_,", x),
    ]:
        select = indexing.selector("r", key)
        for _ in range(2):
            np.testing.assert_array_equal(Native.array(select(tensor)), expected)
    np.testing.assert_array_equal(
        Native.array(indexing.selector("py", "0,1:3,")(tensor)), x[0, 1:3]
    )


def test_a_selector_tells_what_does_not_fit(native):
    select = indexing.selector("r", "v,")
    for _ in range(2):
        failure = select(native.tensor(numbered((3, 4))), 4)
        assert isinstance(failure.error, SubscriptError)
        assert failure.message == "Subscript 1 is 4, but dimension 1 has size 3."


# --- Tensors as subscripts --------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 16, 17, 100])
def test_few_positions_are_what_many_are(count):
    x = np.arange(200)
    positions = np.arange(1.0, count + 1) * np.where(np.arange(count) % 2, 1, -1)
    expected = np.where(positions > 0, positions - 1, 200 + positions)
    np.testing.assert_array_equal(indexing.get(x, "r", True, [positions]), expected)
    for wrong, message in ((0, "counts? from 1"), (201, "is 201"), (1.5, "1.5"), (math.nan, "NA")):
        positions[-1] = wrong
        with pytest.raises(SubscriptError, match=message):
            indexing.get(x, "r", True, [positions])


def test_positions_in_a_tensor(native):
    x = numbered((3, 4, 2))
    one, two = native.tensor(np.int32(-1)), native.tensor(np.array([1, -3, 3], "int32"))
    np.testing.assert_array_equal(get(native.tensor(x), one, "_", 2), x[-1, :, 1])
    np.testing.assert_array_equal(get(native.tensor(x), one, drop=False), x[-1:])
    np.testing.assert_array_equal(get(native.tensor(x), two, two, "_"), x[[0, 0, 2]][:, [0, 1, 2]])
    np.testing.assert_array_equal(get(native.tensor(x), "r", one, 2, style="r"), x[2:0:-1])


def test_positions_in_a_tensor_of_several_dimensions(native):
    x = numbered((4, 3, 2))
    places = np.array([[1, 2], [4, -1]], "int32")
    if native.name == "numpy":  # its tensors are what R's matrices become, and these are refused
        with pytest.raises(SubscriptError, match="must be the only subscript"):
            get(x, places, "_")
        return
    np.testing.assert_array_equal(
        get(native.tensor(x), native.tensor(places), "_", r_array([2, 1])),
        x[np.array([[0, 1], [3, 3]])][..., [1, 0]],
    )


def test_a_tensor_s_positions_are_checked_like_r_s(native):
    x = native.tensor(numbered((3,)))
    for wrong, what in (
        (0, "is 0: positions count from 1"),
        (4, "is 4, but dimension 1 has size 3"),
    ):
        for shape in ((), (1,)):
            with pytest.raises(SubscriptError, match=f"Subscript 1 {what}"):
                get(x, native.tensor(np.full(shape, wrong, "int32")))
    with pytest.raises(SubscriptError, match="is a tensor of float32: it must hold whole numbers"):
        get(x, native.tensor(np.float32(1)) if native.name != "numpy" else np.float32(1))


# --- What cannot be selected ------------------------------------------------------------------

WRONG = [
    ((0,), "Subscript 1 is 0: positions count from 1."),
    ((1, 0), "Subscript 2 is 0: positions count from 1."),
    ((4,), "Subscript 1 is 4, but dimension 1 has size 3."),
    (("_", -5), "Subscript 2 is -5, but dimension 2 has size 4."),
    (("n", 4), "Subscript 2 is 4, but dimension 1 has size 3."),
    ((".", 5), "but dimension 2 has size 4."),
    ((1.5,), "Subscript 1 is 1.5, not a whole number."),
    ((math.nan,), "Subscript 1 is NA, not a whole number."),
    ((math.inf,), "Subscript 1 is inf, not a whole number."),
    ((r_array([1, 0]), 1), "Subscript 1 is 0: positions count from 1."),
    (("_", r_array([1.0, 2.5])), "Subscript 2 is 2.5, not a whole number."),
    (("_", r_array([1.0, math.nan])), "Subscript 2 is NA, not a whole number."),
    (("_", r_array([1, 5])), "Subscript 2 is 5, but dimension 2 has size 4."),
    (("r", 1, 4), "Subscript 1 is 4, but dimension 1 has size 3."),
    (("r", 0, 2), "Subscript 1 is 0: positions count from 1."),
    (("r", 1, 2.5), "Subscript 1 is 2.5, not a whole number."),
    (("r", r_array([1, 2]), 3), "Subscript 1 is a range with 2 values for one of its ends."),
    (("s", 1, 3, 0), "Subscript 1 has a step of 0."),
    (("s", 1, 3, -1), "Subscript 1 runs from 1 to 3, but its step is -1."),
    (("s", 3, 1, 2), "Subscript 1 runs from 3 to 1, but its step is 2."),
    ((True,), "Subscript 1 is logical with length 1, but dimension 1 has size 3."),
    (("_", r_array([True, False])), "Subscript 2 is logical with length 2, but dimension 2"),
    ((1, 1, 1), "3 subscripts for a tensor with 2 dimension(s)."),
    ((".", "."), "Only one subscript can be `..`."),
    (({"a": 1},), "Subscript 1 is a named list: it must be whole."),
    ((r_array([[1, 2, 3]]),), "A matrix of coordinates needs a column for each of the 2"),
    ((r_array([[1, 0]]),), "Subscript 1 is 0: positions count from 1."),
    ((r_array([[1, 5]]),), "Subscript 1 is 5, but dimension 2 has size 4."),
    ((r_array([[1, 2]]), 1), "Subscript 1 is an array with 2 dimensions"),
    ((r_array([[True], [False]]),), "The logical subscript has dimensions [2, 1], the tensor"),
    ((r_array(["a", "b"]),), "Subscript 1 must hold whole numbers."),
]


@pytest.mark.parametrize(("captured", "message"), WRONG)
def test_wrong_subscripts_name_the_subscript_and_the_dimension(native, captured, message):
    x = native.tensor(numbered((3, 4)))
    with pytest.raises(SubscriptError) as told:
        get(x, *captured)
    assert message in str(told.value)
    with pytest.raises(SubscriptError) as told:
        put(x, 0.0, *captured)
    assert message in str(told.value)


def test_python_s_ranges_may_go_beyond_and_positions_may_not(native):
    x = native.tensor(numbered((3, 4)))
    np.testing.assert_array_equal(get(x, "r", 1, 9, style="py"), numbered((3, 4))[1:9])
    with pytest.raises(SubscriptError, match="Subscript 1 is 3, but dimension 1 has size 3"):
        get(x, 3, style="py")


# --- Assignment -------------------------------------------------------------------------------


def test_assignment_is_in_place_where_the_framework_can(native):
    x = native.writable(numbered((2, 2)))
    result = indexing.set(x, "r", 9.0, [1, "_"])
    assert (result is x) == (native.name != "jax")
    np.testing.assert_array_equal(native.array(result), [[9, 9], [3, 4]])
    expected = [[1, 2], [3, 4]] if native.name == "jax" else [[9, 9], [3, 4]]
    np.testing.assert_array_equal(native.array(x), expected)


def test_tensorflow_s_constants_are_replaced():
    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(put(x, 0.0, 1), [0, 2])
    np.testing.assert_array_equal(put(x, r_array([5.0, 7.0]), r_array([2, 1])), [7, 5])
    np.testing.assert_array_equal(x, [1, 2])


def test_symbolic_tensors_refuse_assignment():
    with pytest.raises(TypeError, match="no elements that could be replaced"):
        put(keras.Input((3,)), 0.0, "_", 1)


def test_keras_variables_are_assigned_to():
    x = keras.Variable(numbered((2, 3)))
    np.testing.assert_array_equal(put(x, r_array([7.0, 8.0]), "_", 1), [[7, 2, 3], [8, 5, 6]])
    np.testing.assert_array_equal(get(x, "_", r_array([3, 1])), [[3, 7], [6, 8]])


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_keras_variables_are_assigned_to_on_every_backend(python, backend):
    script = """
import keras, numpy as np
from kerasbridge.tensors import indexing
x = keras.Variable(np.arange(6, dtype="float32").reshape(2, 3))
assert indexing.set(x, "r", 9.0, [np.array([2, 1]), -1]) is x
indexing.set(x, "r", np.array([[7.0], [8.0]]), ["_", 1])
print(keras.ops.convert_to_numpy(x).tolist())
print(keras.ops.convert_to_numpy(indexing.get(x, "r", True, ["s", 2, 1, -1])).tolist())
"""
    assert python(script, KERAS_BACKEND=backend).splitlines() == [
        "[[7.0, 1.0, 9.0], [8.0, 4.0, 9.0]]",
        "[[8.0, 4.0, 9.0], [7.0, 1.0, 9.0]]",
    ]


def test_a_tensor_is_assigned_as_it_is(native):
    x = native.writable(numbered((2, 2)))
    result = put(x, native.tensor(np.array([5, 6], "float32")), "_", 2)
    np.testing.assert_array_equal(result, [[1, 5], [3, 6]])


@pytest.mark.parametrize("value", [1.5, math.nan, 1j, 300, -1, r_array([1.5, 2.0])])
def test_integers_are_not_rounded_on_the_way_in(native, value):
    x = native.writable(np.zeros((2,), "uint8"))
    with pytest.raises(ArgumentError, match="does not fit a tensor of uint8"):
        put(x, value, "_")
    np.testing.assert_array_equal(native.array(x), [0, 0])


def test_r_s_doubles_fill_integer_tensors(native):
    x = native.writable(np.zeros((3,), "int32"))
    np.testing.assert_array_equal(put(x, 4.0, 1)[:1], [4])
    result = put(native.writable(np.zeros((2,), "int32")), r_array([2.0, 3.0]), "_")
    np.testing.assert_array_equal(result, np.array([2, 3], "int32"), strict=True)


# --- Tensors without values -------------------------------------------------------------------


def test_jax_tracers():
    x = numbered((3, 4))

    @jax.jit
    def picked(x, i, places):
        return (
            indexing.get(x, "r", True, ["_", "s", -1, 1, -2]),
            indexing.get(x, "r", True, [i, r_array([1, 3])]),
            indexing.get(x, "r", True, ["_", places]),
            indexing.get(x, "r", False, [i, "_"]),
            indexing.get(x, "r", True, [r_array(numbered((3, 4)) > 10)]),
            indexing.set(x, "r", 0.0, [i, "r", 2, 3]),
        )

    results = picked(jnp.asarray(x), jnp.int32(-1), jnp.array([2, -1]))
    changed = x.copy()
    changed[-1, 1:3] = 0
    for result, expected in zip(
        results,
        [x[:, ::-2], x[-1, [0, 2]], x[:, [1, -1]], x[-1:], np.float32([11, 12]), changed],
        strict=True,
    ):
        np.testing.assert_array_equal(result, expected)


def test_jax_cannot_count_a_traced_mask_and_says_so():
    with pytest.raises(jax.errors.ConcretizationTypeError):
        jax.jit(lambda x: indexing.get(x, "r", True, [x > 1]))(jnp.arange(3.0))


def test_tensorflow_s_functions_with_unknown_sizes():
    unknown = tf.TensorSpec((None, 3))

    @tf.function(input_signature=[unknown, tf.TensorSpec((), "int32")], autograph=False)
    def picked(x, i):
        return (
            indexing.get(x, "r", True, [-1, "_"]),
            indexing.get(x, "r", True, ["r", 2, -2]),
            indexing.get(x, "r", True, ["r", -1, 1]),
            indexing.get(x, "r", True, [r_array([1, -1]), r_array([3, 1])]),
            indexing.get(x, "r", True, [i]),
            indexing.get(x, "r", True, ["r", 2, i]),
            indexing.get(x, "r", True, [x > 4]),
            indexing.get(x, "r", True, [x[:, 0] > 4, 2]),
        )

    x = numbered((4, 3))
    results = picked(tf.constant(x), tf.constant(-1))
    for result, expected in zip(
        results,
        [x[-1], x[1:3], x[::-1], x[[0, -1]][:, [2, 0]], x[-1], x[1:], x.T[x.T > 4], x[2:, 1]],
        strict=True,
    ):
        np.testing.assert_array_equal(result, expected)


def test_tensorflow_s_variables_are_assigned_to_in_functions():
    variable = tf.Variable(numbered((3, 2)))

    @tf.function(autograph=False)
    def assign(i):
        indexing.set(variable, "r", 0.0, [i, "_"])

    assign(tf.constant(-1))
    np.testing.assert_array_equal(variable.numpy(), [[1, 2], [3, 4], [0, 0]])


def test_keras_tensors_compute_what_arrays_would():
    inputs = keras.Input((3, 4))
    batch = numbered((2, 3, 4))
    cases = [
        (["_", -1], batch[:, -1]),
        (["_", "s", 3, 1, -2, 2], batch[:, 2::-2, 1]),
        (
            ["_", r_array([3, 1]), r_array([True, False, False, True])],
            batch[:, [2, 0]][..., [0, 3]],
        ),
        ([".", "n", "r", 2, -2], batch[:, :, None, 1:3]),
    ]
    outputs = [indexing.get(inputs, "r", True, captured) for captured, _ in cases]
    results = keras.Model(inputs, outputs)(batch)
    for output, result, (_, expected) in zip(outputs, results, cases, strict=True):
        np.testing.assert_array_equal(result, expected)
        assert output.shape == (None, *expected.shape[1:])
    with pytest.raises(SubscriptError, match="Subscript 2 is 4, but dimension 2 has size 3"):
        indexing.get(inputs, "r", True, ["_", 4])


def test_torch_gradients_flow_through_subscripts():
    x = torch.tensor(numbered((2, 3)), requires_grad=True)
    indexing.get(x, "r", True, ["_", "s", 3, 1, -2]).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[1, 0, 1], [1, 0, 1]])


# --- Details ----------------------------------------------------------------------------------


def test_one_empty_subscript_is_all_of_it(native):
    for shape in ((), (3,), (2, 3)):
        x = numbered(shape)
        np.testing.assert_array_equal(get(native.tensor(x), "_"), x, strict=True)
        np.testing.assert_array_equal(put(native.writable(x), 0.0, "_"), 0 * x, strict=True)


def test_numpy_s_advanced_dimensions_come_first_in_python_s_style(native):
    x = numbered((2, 3, 4))
    captured = [0, "_", r_array([1, 3])]
    np.testing.assert_array_equal(
        get(native.tensor(x), *captured, style="py"), x[0, :, [1, 3]], strict=True
    )
