"""Messages in R's words: values, what is taken off, and the rules."""

from __future__ import annotations

import pytest

from kerasbridge import messages
from kerasbridge.messages import RULES, in_r_words, told, unwrapped


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("expected None or True, got False", "expected NULL or TRUE, got FALSE"),
        ("`units`=None is wrong", "`units`=NULL is wrong"),
        ("NoneType has no Truth", "NoneType has no Truth"),
        ("the name 'None' stays", "the name 'None' stays"),
        ("axis=0 is out of bounds", "axis = 1 is out of bounds"),
        ("for axis 2 of 2", "for axis 3 of 2"),
        ("dim = 1 and dim=-1", "dim = 2 and dim = -1"),
        ("axis 1.5", "axis 1.5"),
        ("max_axis 1", "max_axis 1"),
        ("shape (None, 3)", "shape c(NA, 3)"),
        ("shape (3,) or ()", "shape c(3) or ()"),
        ("torch.Size([2, 3])", "c(2, 3)"),
        ("[?,2]", "c(NA, 2)"),
        ("in [0, 3)", "in [0, 3)"),
        ("sum(2, 3)", "sum(2, 3)"),
        ("one (1) of them", "one (1) of them"),
        ("['a', 'b']", 'c("a", "b")'),
        ("mode='max'", 'mode = "max"'),
        ("via `pip install tf-keras`.", 'via `py_install("tf-keras")`.'),
        ("<class 'float'> or <class 'a.b.Thing'>", "numeric or Thing"),
        ("jnp.ndarray(shape=(2, 3), dtype=float32)", "a float32 tensor of shape c(2, 3)"),
        (
            "<KerasTensor shape=(None, 2), dtype=float32, name=x>",
            "a float32 tensor of shape c(NA, 2)",
        ),
    ],
)
def test_values_are_r_s(message, words):
    assert in_r_words(message, one_based=True) == words


def test_axes_that_were_not_converted_are_not_converted_back():
    assert in_r_words("axis=0 of None", one_based=False) == "axis = 0 of NULL"


WRAPPED = (
    "Exception encountered when calling Outer.call().\n\n\x1b[1m{}\x1b[0m\n\n"
    "Arguments received by Outer.call():\n  • inputs=jnp.ndarray(shape=(2, 3), dtype=float32)\n"
    "  • kwargs=<class 'inspect._empty'>"
)


def test_what_keras_wraps_around_a_message_is_taken_off():
    assert unwrapped(WRAPPED.format(WRAPPED.format("no"))) == ("no", "a tensor of shape (2, 3)")
    text, known = told(WRAPPED.format("no more"), one_based=False, layer="mine")
    assert text == 'no more\nIt was layer "mine", called on a tensor of shape c(2, 3).'
    assert not known


def test_what_tensorflow_adds_is_taken_off():
    added = "{{function_node __wrapped__Add_device_/job:a}} it is so [Op:AddV2] name: "
    assert unwrapped(added) == ("it is so", "")
    graph = (
        "Graph execution error:\n\nDetected at node a\n\n  File b\n\nit is so\n\t [[{{node a}}]]"
    )
    assert unwrapped(graph) == ("it is so", "")


#: One real message for each rule that no test in R meets.
EXAMPLES = {
    'Layer "net" expects 2 input(s), but it received 1 input tensors. Inputs received: [1]': (
        'Layer "net" expects 2 inputs, and got 1. Give them in a list.'
    ),
    "Input 0 with name 'None' of layer 'a' is incompatible with the layer: expected ndim=2, found "
    "ndim=1. Full shape received: (3,)": (
        'Layer "a" expects a tensor of 2 dimensions, and got one of 1: c(3).\n'
        "A vector is as many samples as it has elements; one sample is a matrix of one row: "
        "`matrix(x, 1)`."
    ),
    "Arguments `target` and `output` must have the same shape. Received: "
    "target.shape=torch.Size([10]), output.shape=torch.Size([10, 3])": (
        "The targets have the shape c(NA) and the model's outputs c(NA, 3), which the loss cannot "
        'compare.\nClass codes need the loss "sparse_categorical_crossentropy"; for '
        '"categorical_crossentropy" make them one-hot: `to_categorical(y, 3)`.'
    ),
    "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: target.shape=(None, 3), "
    "output.shape=(None, 3)": (
        "The targets have the shape c(NA, 3) and the model's outputs c(NA, 3), which the loss "
        'cannot compare.\nOne-hot targets need the loss "categorical_crossentropy"; '
        '"sparse_categorical_crossentropy" is for class codes.'
    ),
    "No loss to compute. Provide a `loss` argument in `compile()`.": (
        "The model was compiled without a loss: `compile(model, loss = ...)`."
    ),
    "Received a label value of 3 which is outside the valid range of [0, 3).  Label values: 3": (
        "The class code 3 is none of the model's 3 classes: codes count from 0."
    ),
    "ArrayImpl passed to device_put is not the same on each process. Make sure you are passing the "
    "same value of ArrayImpl on each process.. Expected: [[1.]]; got: [[2.]].": (
        "The processes have different values where all must have the same, of weights most often. "
        "Give each process the same seed before it makes the model: `set_random_seed(1)`."
    ),
    "indices[0,1] = 5 is not in [0, 3)": "5 is out of range: there are 3, counted from 0.",
    "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
    "(n?,k),(k,m?)->(n?,m?) (size 2 is different from 3)": (
        "A matrix of 3 columns cannot be multiplied by one of 2 rows."
    ),
    "cannot reshape array of size 6 into shape (4,-1)": (
        "6 elements cannot have the shape c(4, -1)."
    ),
    "operands could not be broadcast together with shapes (2,3) (4,5) ": (
        "The shapes c(2, 3) and c(4, 5) do not fit each other."
    ),
    "Incompatible shapes for broadcasting: shapes=[(2, 3), (2,)]": (
        "The shapes c(2, 3) and c(2) do not fit each other."
    ),
    "Explicitly requested dtype float64 requested in asarray is not available, and will be "
    "truncated to dtype float32. To enable more dtypes, set the jax_enable_x64 option": (
        'JAX has float64 only after `import("jax")$config$update("jax_enable_x64", TRUE)`: this '
        "has 32 bits."
    ),
    "Unrecognized data type: x=data.csv (of type <class 'str'>)": (
        "`x` must be an array, a data frame, a data set or a generator, not data.csv (character)."
    ),
}


@pytest.mark.parametrize("message", EXAMPLES)
def test_a_rule_tells_it_anew(message):
    assert told(message, one_based=False) == (EXAMPLES[message], True)


def test_an_axis_is_told_as_the_call_counts_it():
    message = "axis 2 is out of bounds for array of dimension 2"
    assert told(message, one_based=True).text == "axis 3 is none of the tensor's 2 dimensions"
    assert told(message, one_based=False).text == "axis 2 is none of the tensor's 2 dimensions"


def test_what_no_rule_knows_is_said_to_be_unknown():
    assert told("nothing of the kind", one_based=True) == ("nothing of the kind", False)


def test_no_two_rules_are_one():
    assert len({rule.pattern for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("expected", "got", "cause"),
    [
        (["NA", "4"], ["4"], "matrix(x, 1)"),
        (["NA", "28", "28"], ["28", "28"], "c(1, dim(x)))"),
        (["NA", "28", "28", "1"], ["5", "28", "28"], "c(dim(x), 1))"),
        (["NA", "28", "28", "1"], ["28", "28"], "c(1, dim(x), 1))"),
    ],
)
def test_the_likely_cause_is_a_dimension_that_is_missing(expected, got, cause):
    assert cause in messages.missing(expected, got)


def test_there_is_not_always_a_likely_cause():
    assert messages.missing(["NA", "4"], ["2", "3", "4"]) == ""
