"""Numbers and errors between Python and R, with a stand-in for the function that calls R."""

import ctypes
from types import ModuleType

import numpy as np
import pytest

from kerasbridge import errors
from kerasbridge.crossing import entry

NAME = b"r_object"
DOORS = ("door to Python", "door to R")


def r_function(to_r):
    """An R function as reticulate holds it: its arguments become R's, or stay Python's."""
    new, converts = ctypes.pythonapi.PyCapsule_New, ctypes.pythonapi.PyCapsule_SetContext
    new.argtypes, new.restype = (
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p),
        ctypes.py_object,
    )
    converts.argtypes = (ctypes.py_object, ctypes.c_void_p)
    capsule = new(1, NAME, None)
    converts(capsule, int(to_r))
    return capsule


def python_function_of(call):
    """A function that is called as reticulate's own are: by a frame of `rpytools.call`."""
    module = ModuleType("rpytools.call")
    module.call_r_function = entry.crossing(call, lambda classes: classes, DOORS)
    module.function = r_function(to_r=True)
    source = "def python_function(*args): return call_r_function(function, *args)"
    exec(source, vars(module))
    return module.python_function


def layer_call(f):
    return f(1)


def frames(error):
    return [[frame.rpartition(" in ")[2] for frame in part] for part in error.python_frames]


def r_error(*classes):
    error = RuntimeError("told in R")
    error.r_class = list(classes)
    error.detail = 3
    return error


def raises(error):
    def call(door, function, *args):
        raise error

    return call


def received(x):
    return python_function_of(lambda door, function, x: x)(x)


def test_a_function_is_called_through_the_door_for_its_arguments():
    calls = entry.crossing(lambda *given, **named: (given, named), None, DOORS)
    for to_r in (False, True):
        function = r_function(to_r)
        assert calls(function, 1, b=2) == ((DOORS[to_r], function, 1), {"b": 2})


def test_an_array_without_dimensions_is_a_number():
    number = received(np.array(2.5, dtype="float32"))
    assert type(number) is np.float32
    assert number == 2.5
    for shape in ((1,), (0,), (2, 3)):
        array = np.ones(shape)
        assert received(array) is array


def test_a_number_that_jax_has_typed_is_python_s():
    literals = pytest.importorskip("jax._src.literals")
    number = received(literals.TypedFloat(0.5, np.dtype("float32")))
    assert type(number) is float
    assert number == 0.5
    assert received(True) is True


def test_the_frames_are_noted_where_python_calls_r():
    with pytest.raises(RuntimeError) as caught:
        layer_call(python_function_of(raises(r_error("simpleError"))))
    outer, inner = frames(caught.value)
    assert outer[-2:] == ["test_the_frames_are_noted_where_python_calls_r", "layer_call"]
    assert inner == ["raises.<locals>.call"]
    line = layer_call.__code__.co_firstlineno + 1
    file_and_line = caught.value.python_frames[0][-1]
    assert file_and_line.partition(" in ")[0].endswith(f"test_entry.py:{line}")


def test_every_call_of_r_on_the_way_ends_a_segment():
    inner = python_function_of(raises(r_error("simpleError")))

    def to_python(door, function, x):
        return layer_call(inner)

    with pytest.raises(RuntimeError) as caught:
        layer_call(python_function_of(to_python))
    segments = frames(caught.value)
    assert len(segments) == 3
    assert segments[0][-1] == segments[1][-1] == "layer_call"
    assert segments[1][0].endswith("to_python")


def test_an_exception_of_python_keeps_its_type_and_takes_its_own_frames_along():
    def to_python(door, function, x):
        return layer_call(lambda x: x / 0)

    with pytest.raises(ZeroDivisionError) as caught:
        layer_call(python_function_of(to_python))
    assert type(caught.value) is ZeroDivisionError
    assert [name.rpartition(".")[2] for name in frames(caught.value)[-1]] == [
        "to_python",
        "layer_call",
        "<lambda>",
    ]
    assert "python_frames" in errors.crossed(errors.Failure(caught.value))


def test_an_r_condition_is_an_exception_of_its_own_classes():
    with pytest.raises(RuntimeError) as caught:
        python_function_of(raises(r_error("my_error", "rlang_error", "error", "condition")))()
    kinds = [kind.__name__ for kind in type(caught.value).__mro__]
    assert kinds[:4] == ["RuntimeError", "my_error", "rlang_error", "RuntimeError"]
    assert caught.value.args == ("told in R",)
    assert caught.value.detail == 3
    again = type(caught.value)("another message")  # as Keras makes it, to say more
    assert str(again) == "another message"


def test_a_plain_error_of_r_is_a_runtime_error():
    plain = r_error("simpleError", "error", "condition")
    with pytest.raises(RuntimeError) as caught:
        python_function_of(raises(plain))()
    assert caught.value is plain


def test_frames_that_only_pass_an_error_on_are_left_out():
    assert entry._is_hidden("torch.nn.modules.module")
    assert entry._is_hidden("jax._src.api")
    assert not entry._is_hidden("torchvision.models")
    assert not entry._is_hidden("keras.src.layers.layer")
