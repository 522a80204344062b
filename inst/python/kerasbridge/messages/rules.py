"""What Keras and the frameworks say, told anew: a table of rules, and the causes that they name."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from kerasbridge.messages.words import in_r_words, sizes_of, unwrapped, vector


class Told(NamedTuple):
    """A message in R's words, and whether there was a rule for it, which then says it all."""

    text: str
    known: bool


def told(message: str, one_based: bool, layer: str | None = None) -> Told:
    """`message` in R's words.

    Only a call whose axes were converted on the way in (`one_based`) has them converted back.
    `layer` is the name of the layer that failed.
    """
    inner, inputs = unwrapped(message)
    for rule in RULES:
        found = re.search(rule.pattern, inner, re.DOTALL)
        if found is not None:
            text = rule.tell({key: _whole(value or "") for key, value in found.groupdict().items()})
            break
    else:
        text = inner
    text = in_r_words(text, one_based)
    if layer is not None and inner != message and 'Layer "' not in text:
        on = f", called on {in_r_words(inputs, one_based)}" if inputs else ""
        text = f'{text}\nIt was layer "{layer}"{on}.'
    return Told(text, found is not None)


def _whole(value: str) -> str:
    """A whole number without the decimals that Python shows of it."""
    return re.sub(r"^(-?\d+)\.0$", r"\1", value)


# The rules --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A message by a pattern, and how it is told from the groups of what was found."""

    pattern: str
    tell: Callable[[dict[str, str]], str]


def rule(pattern: str, text: str) -> Rule:
    """A rule whose text has the pattern's groups in it."""
    return Rule(pattern, lambda groups: text.format(**groups))


def _batches(shape: str) -> str:
    """A shape whose first size, the samples of a batch, says nothing."""
    sizes = sizes_of(shape)
    return vector(["NA", *sizes[1:]]) if len(sizes) > 1 else vector(sizes)


def missing(expected: list[str], got: list[str]) -> str:
    """The likely cause when `got` has other dimensions than `expected`; empty for none."""
    if len(got) == 1 and len(expected) == 2:
        return (
            "A vector is as many samples as it has elements; one sample is a matrix of one row: "
            "`matrix(x, 1)`."
        )
    if len(got) == len(expected) - 2 and len(got) > 1:
        return (
            "The first dimension, of samples, and the last one, of channels or features, seem to "
            "be missing: `array(x, dim = c(1, dim(x), 1))`."
        )
    if len(got) != len(expected) - 1:
        return ""
    fits = [want in ("None", "NA", "?", size) for want, size in zip(expected[1:], got, strict=True)]
    if all(fits):
        return (
            "Is it one sample? The first dimension counts samples: `array(x, dim = c(1, dim(x)))`."
        )
    return (
        "The last dimension, of channels or features, seems to be missing: "
        "`array(x, dim = c(dim(x), 1))`."
    )


def _with_cause(text: str, cause: str) -> str:
    return f"{text}\n{cause}" if cause else text


def _wrong_size(groups: dict[str, str]) -> str:
    got = sizes_of(groups["got"])
    expected = ["None"] * len(got)
    axis = int(groups["axis"])
    expected[axis] = groups["size"]
    if axis == -1 or axis == len(got) - 1:
        where = "in the last dimension"
    else:
        where = f"in dimension {axis + 1}"
    return (
        f'Layer "{groups["layer"]}" expects size {groups["size"]} {where}, as in '
        f"{vector(expected)}, and got {_batches(groups['got'])}."
    )


def _wrong_rank(groups: dict[str, str]) -> str:
    expected, got = int(groups["expected"]), sizes_of(groups["shape"])
    bound = {"min_": "at least ", "max_": "at most "}.get(groups["bound"], "")
    shape = f": {vector(got)}" if groups["shape"] else ""
    text = (
        f'Layer "{groups["layer"]}" expects a tensor of {bound}{expected} dimensions, and got '
        f"one of {groups['found']}{shape}."
    )
    if int(groups["found"]) >= expected or not groups["shape"]:
        return text
    if len(got) == 1:
        return _with_cause(text, missing(["None", "None"], got))
    if int(groups["found"]) < expected - 1:
        return _with_cause(text, _DIMENSIONS.get(expected, ""))
    text += (
        "\nThe first dimension counts samples, and the last one channels or features: one of them "
        "seems to be missing."
    )
    if expected == 3 and got[0] == "None":
        text += "\nA recurrent layer before it gives all steps with `return_sequences = TRUE`."
    return text


#: What a layer computes with, by the number of dimensions.
_DIMENSIONS: Final = {
    4: "Images have the dimensions samples, height, width, channels.",
    5: "Volumes have the dimensions samples, depth, height, width, channels.",
}


def _wrong_shape(groups: dict[str, str]) -> str:
    expected, got = groups["expected"], groups["got"]
    sizes = sizes_of(expected), sizes_of(got)
    same = len(sizes[0]) == len(sizes[1])
    shown = _batches(got) if same else vector(sizes[1])
    subject = f'Layer "{groups["layer"]}"' if groups.get("layer") else "The model"
    name = groups.get("input") or "None"
    of = f' for its input "{name}"' if name != "None" and "keras_tensor" not in name else ""
    text = f"{subject} expects the shape {vector(sizes[0])}{of}, and got {shown}."
    return _with_cause(text, "" if same else missing(*sizes))


def _target(groups: dict[str, str]) -> str:
    target, output = sizes_of(groups["target"]), sizes_of(groups["output"])
    return wrong_target(groups.get("kind", ""), ["NA", *target[1:]], ["NA", *output[1:]])


def wrong_target(loss: str, target: list[str], output: list[str]) -> str:
    """The shapes of targets and outputs that a loss cannot compare, and what to do."""
    text = (
        f"The targets have the shape {vector(target)} and the model's outputs {vector(output)}, "
        "which the loss cannot compare."
    )
    classes = output[-1] if len(output) > 1 else "NA"
    codes = len(target) < len(output) or (target[-1] == "1" and classes != "1")
    if loss == "sparse" and len(target) == len(output) and target[-1] != "1":
        cause = (
            'One-hot targets need the loss "categorical_crossentropy"; '
            '"sparse_categorical_crossentropy" is for class codes.'
        )
    elif codes and classes not in ("1", "NA"):
        cause = (
            'Class codes need the loss "sparse_categorical_crossentropy"; for '
            f'"categorical_crossentropy" make them one-hot: `to_categorical(y, {classes})`.'
        )
    elif classes not in ("1", "NA") and target[-1] != classes:
        cause = f"The last layer has {classes} units, and the targets {target[-1]} columns."
    else:
        cause = ""
    return _with_cause(text, cause)


def _two_shapes(groups: dict[str, str]) -> str:
    one, other = (vector(sizes_of(groups[name])) for name in "ab")
    return f"The shapes {one} and {other} do not fit each other."


def _product(groups: dict[str, str]) -> str:
    return f"A matrix of {groups['a']} columns cannot be multiplied by one of {groups['b']} rows."


_ONE_SHAPE: Final = r"(?:torch\.Size\()?[(\[][^)\]]*[)\]]\)?"
_INPUT_OF: Final = (
    r"Input \d+ with name '(?P<input>[^']*)' of layer '(?P<layer>[^']*)' is incompatible with the "
    r"layer: expected "
)

_NOT_WRITTEN: Final = (
    "The file could not be written ({why}): nothing is changed, and what was there before is as "
    "it was."
)

RULES: Final = (
    # Shapes that do not fit a layer or a model
    Rule(
        _INPUT_OF
        + r"axis (?P<axis>-?\d+) of input shape to have value (?P<size>\d+), but received "
        rf"input with shape (?P<got>{_ONE_SHAPE})",
        _wrong_size,
    ),
    Rule(
        _INPUT_OF + r"(?P<bound>min_|max_|)ndim=(?P<expected>\d+), found ndim=(?P<found>\d+)"
        rf"(?:\. Full shape received: (?P<shape>{_ONE_SHAPE}))?",
        _wrong_rank,
    ),
    Rule(
        _INPUT_OF + rf"shape=(?P<expected>{_ONE_SHAPE}), found shape=(?P<got>{_ONE_SHAPE})",
        _wrong_shape,
    ),
    Rule(
        r"Invalid input shape for input .* with name '(?P<input>[^']*)' and path '[^']*'\. "
        rf"Expected shape (?P<expected>{_ONE_SHAPE}), but input has incompatible shape "
        rf"(?P<got>{_ONE_SHAPE})",
        _wrong_shape,
    ),
    rule(
        r'Layer "(?P<layer>[^"]*)" expects (?P<count>\d+) named input\(s\) with keys '
        r"(?P<keys>\[[^\]]*\]), but it received (?P<got>\d+) input",
        'Layer "{layer}" expects {count} inputs, {keys}, and got {got}. Give them in a list with '
        "these names.",
    ),
    rule(
        r'Layer "(?P<layer>[^"]*)" expects (?P<count>\d+) input\(s\), but it received (?P<got>\d+) '
        r"input",
        'Layer "{layer}" expects {count} inputs, and got {got}. Give them in a list.',
    ),
    rule(
        r'Missing data for input "(?P<input>[^"]*)"\. You passed a data dictionary with keys '
        r"(?P<got>\[[^\]]*\])\. Expected the following keys: (?P<keys>\[[^\]]*\])",
        'There is no data for the input "{input}": the model\'s inputs are {keys}, the names of '
        "the data {got}.",
    ),
    Rule(
        r"The structure of `inputs` doesn't match the expected structure\.\s*Expected: "
        r"(?P<expected>.*?)\s*Received: inputs=(?P<got>.*)",
        lambda groups: _structure(groups),
    ),
    rule(
        r"A `Concatenate` layer requires inputs with matching shapes except for the concatenation "
        r"axis\. Received: input_shape=\[(?P<shapes>.*)\]",
        "The inputs that are to be joined differ in another dimension than the one along which "
        "they are: their shapes are {shapes}.",
    ),
    rule(
        rf"Inputs have incompatible shapes\. Received shapes (?P<a>{_ONE_SHAPE}) and "
        rf"(?P<b>{_ONE_SHAPE})",
        "The inputs of one sample have the shapes {a} and {b}, which do not fit each other.",
    ),
    rule(
        r"The total size of the tensor must be unchanged\. Received: "
        rf"input_shape=(?P<a>{_ONE_SHAPE}), target_shape=(?P<b>{_ONE_SHAPE})",
        "A sample of shape {a} has another number of elements than one of shape {b}.",
    ),
    rule(
        r"Shapes used to initialize variables must be fully-defined.*Received: "
        rf"shape=(?P<shape>{_ONE_SHAPE}) for variable path='(?P<path>[^']*)'",
        'The weight "{path}" would have the shape {shape}: the size that is `NA` must be known. '
        "Say it in the `shape` of keras_input().",
    ),
    rule(
        r"Computed output size would be (?:zero or )?negative|"
        r"The convolution operation resulted in an empty output|"
        r"Calculated padded input size per channel",
        "The window of the layer is larger than its input, so that the output would be empty.\n"
        'Use a smaller `kernel_size` or `pool_size`, `padding = "same"`, or larger inputs; a batch '
        "has the dimensions samples, height, width, channels.",
    ),
    # Targets and losses
    Rule(
        r"Arguments `target` and `output` must have the same (?:shape up until the last "
        rf"dimension):? ?(?P<kind>)target\.shape=(?P<target>{_ONE_SHAPE}), "
        rf"output\.shape=(?P<output>{_ONE_SHAPE})",
        lambda groups: _target({**groups, "kind": "sparse"}),
    ),
    Rule(
        r"Argument `output` must have rank \(ndim\) `target\.ndim - 1`\. Received: "
        rf"target\.shape=(?P<target>{_ONE_SHAPE}), output\.shape=(?P<output>{_ONE_SHAPE})",
        lambda groups: _target({**groups, "kind": "sparse"}),
    ),
    Rule(
        r"Arguments `target` and `output` must have the same (?:shape|rank \(ndim\))\. Received: "
        rf"target\.shape=(?P<target>{_ONE_SHAPE}), output\.shape=(?P<output>{_ONE_SHAPE})",
        _target,
    ),
    rule(
        r"No loss to compute",
        "The model was compiled without a loss: `compile(model, loss = ...)`.",
    ),
    rule(
        r"You must call `compile\(\)` before|object has no attribute 'optimizer'$",
        "The model is not compiled: call compile() first.",
    ),
    rule(
        r"^Received a label value of (?P<code>-?\d+) which is outside the valid range of "
        r"\[0, (?P<classes>\d+)\)",
        "The class code {code} is none of the model's {classes} classes: codes count from 0.",
    ),
    rule(
        r"^Target (?P<code>-?\d+) is out of bounds\.$",
        "The class code {code} is none of the model's classes: codes count from 0.",
    ),
    # Several processes
    rule(
        r"passed to device_put is not the same on each process",
        "The processes have different values where all must have the same, of weights most often. "
        "Give each process the same seed before it makes the model: `set_random_seed(1)`.",
    ),
    # Names
    rule(
        r"^The path: \('(?P<name>[^']*)',?.*\) in the `loss` argument, can't be found",
        'There is no output, or no targets, of the name "{name}", for which a loss was given.',
    ),
    rule(
        r"^The filepath provided must end in `(?P<ending>[^`]*)`.*Received: filepath=(?P<path>.*)",
        '`filepath` must end in "{ending}": "{path}" does not.',
    ),
    rule(
        r"enable_unsafe_deserialization",
        "The model holds Python code, which loading it would run. If you trust where it comes "
        "from, `safe_mode = FALSE` lets it, or config_enable_unsafe_deserialization().",
    ),
    rule(
        r"Could not interpret (?P<what>\w+)(?: function)? (?:instance )?identifier: "
        r"(?P<name>[\w.-]+)$",
        'There is no {what} "{name}".',
    ),
    rule(
        r"Could not interpret (?P<what>\w+)(?: function)? (?:instance )?identifier: (?P<name>.*)",
        "This can be no {what}: {name}.",
    ),
    rule(
        r"^Invalid dtype: object$|^dtype='string' is not a valid dtype for|"
        r"Cast string to \w+ is not supported",
        "Text is no number: make it numbers first, as layer_string_lookup() does.",
    ),
    rule(
        r"^Explicitly requested dtype (?P<dtype>\w+).*is not available, and will be truncated",
        'JAX has {dtype} only after `import("jax")$config$update("jax_enable_x64", TRUE)`: this '
        "has 32 bits.",
    ),
    Rule(
        r"^Invalid dtype: (?P<dtype>\S+)$",
        lambda groups: f'`dtype` must be a dtype, not "{groups["dtype"]}".{_near(groups["dtype"])}',
    ),
    rule(
        r"Received an invalid value for `(?P<name>\w+)`, expected a positive integer\. Received: "
        r"\w+=(?P<value>\S+)",
        "`{name}` must be a positive whole number, not {value}.",
    ),
    rule(
        r"Invalid value received for argument `(?P<name>\w+)`\. Expected a float value between 0 "
        r"and 1\. Received: \w+=(?P<value>[^\s]+)",
        "`{name}` must be a number from 0 to 1, not {value}.",
    ),
    rule(
        r"The `(?P<name>\w+)` argument must be a tuple of (?P<count>\d+) integers\. Received "
        r"\w+=(?P<value>.*)",
        "`{name}` must be one or {count} whole numbers, not {value}.",
    ),
    rule(
        r"The `padding` argument must be a list/tuple or one of \{[^}]*\}\. "
        r"Received: (?P<value>.*)",
        '`padding` must be "valid", "same" or, in one dimension, "causal", not "{value}".',
    ),
    rule(
        r"Unrecognized format=(?P<format>\S+)\. Supported formats are: (?P<known>\[.*\])",
        'There is no format "{format}": the formats are {known}.',
    ),
    rule(
        r"^(?P<callback>\w+) callback received monitor=(?P<monitor>\S+), but Keras isn't able to",
        'Whether "{monitor}" should be large or small is not known: it is none of the metrics '
        'that were compiled. If it is meant, say `mode = "max"` or `mode = "min"`.',
    ),
    rule(
        r"Argument `learning_rate` should be float, or .*Received instead: learning_rate=(?P<value>"
        r".*)",
        "`learning_rate` must be a number, a learning_rate_schedule_*() or a function, not "
        '"{value}".',
    ),
    rule(
        r"Unrecognized keyword arguments passed to (?P<layer>\w+): \{'(?P<name>\w+)'",
        "A layer of class {layer} has no argument `{name}`.",
    ),
    # Models that are not built
    rule(
        r"Sequential model '?(?P<model>[\w-]+)'? cannot be built because it has no layers",
        'The model "{model}" has no layers.',
    ),
    rule(
        r"You are (?P<what>saving|loading weights into) a model that has not yet been built|"
        r"The model provided has (?:not yet been built|never called)",
        "The model is not built, it has no weights yet: give its `input_shape`, or call it on "
        "data first.",
    ),
    rule(
        r"Output with path `(?P<path>[^`]*)` is not connected to `inputs`",
        "`outputs` cannot be computed from `inputs`: no layers lead from one to the other.",
    ),
    rule(
        r"All `(?P<name>inputs|outputs)` values must be KerasTensors\. Received: .*",
        "`{name}` must be symbolic tensors: what keras_input() gives and layers make of it.",
    ),
    rule(
        r"^missing a required argument: '(?P<name>\w+)'$",
        "The argument `{name}` is missing: this layer is called with it.",
    ),
    # Files, and what is Keras's older way
    rule(
        r"^Do not pass an `input_shape`/`input_dim` argument to a layer",
        "A layer needs no `input_shape`: give it to keras_model_sequential(), or start with "
        "keras_input().",
    ),
    rule(
        r"^You are saving your model as an HDF5 file",
        'An HDF5 file is Keras\'s older format: `save_model(model, "model.keras")` writes the '
        "present one, which holds everything.",
    ),
    rule(
        r"^Unable to synchronously open file \((?P<why>[^)]*)",
        "This is no file of weights, or not a whole one ({why}).",
    ),
    rule(
        r"^\[Errno (?:27|28|122)\] (?P<why>[^:]*)|"
        r"; (?P<told>No space left on device|File too large|Disk quota exceeded)$",
        _NOT_WRITTEN.replace("{why}", "{why}{told}"),
    ),
    rule(
        r"^\[enforce fail at inline_container\.cc",  # PyTorch's writer does not say why
        _NOT_WRITTEN.replace("{why}", "is the disk full?"),
    ),
    rule(r"^\[Errno 2\] No such file or directory: '(?P<path>.*)'$", 'There is no file "{path}".'),
    rule(
        r"A total of (?P<count>\d+) objects could not be loaded\..*object <(?P<class>\w+) "
        r"name=(?P<layer>[^,>]+).*variable\.shape=(?P<a>\([^)]*\)), Received: "
        rf"value\.shape=(?P<b>{_ONE_SHAPE})",
        'The weights in the file are of another model: layer "{layer}" has a weight of shape {a}, '
        "and the file one of shape {b}.\n`skip_mismatch = TRUE` leaves such layers out.",
    ),
    rule(
        r"A total of (?P<count>\d+) objects could not be loaded\..*object <(?P<class>\w+) "
        r"name=(?P<layer>[^,>]+)[^>]*>:\s*(?P<why>[^\n]*)",
        'The weights in the file are of another model: layer "{layer}" has others. ({why})\n'
        "`skip_mismatch = TRUE` leaves such layers out.",
    ),
    rule(
        r"^Layer (?P<layer>\S+) weight shape (?P<a>\([^)]*\)) is not compatible with provided "
        r"weight shape (?P<b>\([^)]*\))",
        'A weight of layer "{layer}" has the shape {a}, and the value for it {b}.',
    ),
    # Packages
    rule(
        r"^No module named '(?P<name>\w+)",
        'The Python package "{name}" is missing: `py_install("{name}")` installs it, or '
        '`py_require("{name}")` at the start of a session.',
    ),
    # Arithmetic of tensors, in the words of each framework
    Rule(
        r"^unsupported operand type\(s\) for (?P<operator>\S+): '(?P<a>[^']*)' and "
        r"'(?P<b>[^']*)'",
        lambda groups: _operands(groups),
    ),
    Rule(
        rf"got incompatible shapes for broadcasting: (?P<a>{_ONE_SHAPE}), (?P<b>{_ONE_SHAPE})",
        _two_shapes,
    ),
    Rule(
        rf"^Incompatible shapes for broadcasting: shapes=\[(?P<a>{_ONE_SHAPE}), "
        rf"(?P<b>{_ONE_SHAPE})\]",
        _two_shapes,
    ),
    Rule(rf"^Incompatible shapes: (?P<a>{_ONE_SHAPE}) vs\. (?P<b>{_ONE_SHAPE})", _two_shapes),
    Rule(
        r"operands could not be broadcast together with shapes "
        rf"(?P<a>{_ONE_SHAPE}) (?P<b>{_ONE_SHAPE})",
        _two_shapes,
    ),
    Rule(
        r"^Dimensions must be equal, but are \d+ and \d+ for .* with input shapes: "
        rf"(?P<a>{_ONE_SHAPE}), (?P<b>{_ONE_SHAPE})",
        _two_shapes,
    ),
    Rule(
        r"^The size of tensor a \((?P<a>\d+)\) must match the size of tensor b \((?P<b>\d+)\) at "
        r"non-singleton dimension (?P<axis>\d+)",
        lambda groups: (
            f"The sizes {groups['a']} and {groups['b']} in dimension {int(groups['axis']) + 1} do "
            "not fit each other."
        ),
    ),
    Rule(
        r"contracting dimensions to have the same shape, got \((?P<a>\d+),\) and \((?P<b>\d+),\)",
        _product,
    ),
    Rule(
        r"Matrix size-incompatible: In\[0\]: \[\d+,(?P<a>\d+)\], In\[1\]: \[(?P<b>\d+),\d+\]",
        _product,
    ),
    Rule(
        r"mat1 and mat2 shapes cannot be multiplied \(\d+x(?P<a>\d+) and (?P<b>\d+)x\d+\)",
        _product,
    ),
    Rule(
        r"matmul: Input operand 1 has a mismatch .*"
        r"\(size (?P<b>\d+) is different from (?P<a>\d+)\)",
        _product,
    ),
    Rule(
        r"cannot reshape array of (?:shape .*?size |size )(?P<a>\d+)\)? into shape "
        rf"(?P<b>{_ONE_SHAPE})",
        lambda groups: _reshape(groups),
    ),
    Rule(
        r"^shape '(?P<b>\[[^\]]*\])' is invalid for input of size (?P<a>\d+)",
        lambda groups: _reshape(groups),
    ),
    Rule(
        r"^Input to reshape is a tensor with (?P<a>\d+) values, but the requested shape has "
        r"(?P<b>\d+)",
        lambda groups: _reshape(groups),
    ),
    Rule(
        r"Cannot concatenate arrays with shapes that differ.*along dimension (?P<along>\d+) for "
        rf"shapes (?P<a>{_ONE_SHAPE}), (?P<b>{_ONE_SHAPE})|"
        r"^ConcatOp ?: Dimension (?P<at>\d+) in both shapes must be equal: shape\[\d+\] = "
        rf"(?P<c>{_ONE_SHAPE}) vs\. shape\[\d+\] = (?P<d>{_ONE_SHAPE})|"
        r"^Sizes of tensors must match except in dimension.*Expected size (?P<one>\d+) but got "
        r"size (?P<other>\d+)|"
        r"input array dimensions except for the concatenation axis must match.*"
        r"has size (?P<first>\d+) and .* has size (?P<second>\d+)|"
        r"Cannot concatenate arrays with shapes that differ|^ConcatOp ?: Dimension",
        lambda groups: _joined(groups),
    ),
    rule(
        r"[Aa]ll input arrays must have the same shape|Shapes of all inputs must match|"
        r"stack expects each tensor to be equal size",
        "Only tensors of one shape can be stacked.",
    ),
    rule(
        r"cannot select an axis to squeeze out which has size not equal to one|"
        r"^Cannot squeeze axis=",
        "Only a dimension of size 1 can be squeezed out.",
    ),
    rule(
        r"^Size of label '.' for operand|^Expected dimension \d+ at axis \d+ of the input shaped|"
        r"^einsum\(\): subscript . has size|could not be broadcast together with remapped shapes",
        "One letter of the equation stands for dimensions of different sizes.",
    ),
    Rule(
        r"^axis (?P<axis>\d+) is out of bounds for array of dimension (?P<count>\d+)",
        lambda groups: _no_axis(groups["axis"], groups["count"]),
    ),
    Rule(
        r"^Invalid reduction dimension \(?(?P<axis>\d+) for input with (?P<count>\d+) dimension",
        lambda groups: _no_axis(groups["axis"], groups["count"]),
    ),
    Rule(
        r"^Dimension out of range \(expected to be in range of \[-(?P<count>\d+), -?\d+\], but got "
        r"(?P<axis>\d+)\)",
        lambda groups: _no_axis(groups["axis"], groups["count"]),
    ),
    Rule(
        r"^index (?P<code>-?\d+) is out of bounds for axis \d+ with size (?P<count>\d+)$",
        lambda groups: _out_of_range(**groups),
    ),
    Rule(
        r"^indices\[[^\]]*\] = (?P<code>-?\d+) is not in \[0, (?P<count>\d+)\)",
        lambda groups: _out_of_range(**groups),
    ),
    rule(
        r"^index out of range in self$",
        "An index is out of range: indices count from 0 to one less than their number.",
    ),
    rule(
        r"Table not initialized",
        "The layer has no vocabulary yet: call adapt() on it, or give it a `vocabulary`.",
    ),
    rule(
        r"^Unrecognized data type: x=(?P<value>.*) \(of type (?P<class><class '[^']*'>)\)",
        "`x` must be an array, a data frame, a data set or a generator, not {value} ({class}).",
    ),
    rule(
        r"^invalid literal for int\(\) with base 10: '(?P<value>.*)'$",
        '"{value}" is no whole number.',
    ),
    rule(
        r"None is not a valid value for jnp\.array|^None values not supported",
        "Something is `NULL` where data is needed.",
    ),
    # Tracing
    rule(
        r"The numpy\.ndarray conversion method __array__\(\) was called on traced array|"
        r"^This tensor has no value yet",
        "This tensor has no value yet: its function is being traced. Compute with op_*() instead "
        "of R's own functions.",
    ),
    rule(r"^(?P<all>A symbolic tensor has no value: .*)$", "{all}"),
    rule(
        r"^element 0 of tensors does not require grad",
        "The loss has no gradient: it does not depend on the model's weights, or was computed "
        "with R's own functions instead of op_*().",
    ),
)


def _near(dtype: str) -> str:
    near = [known for known in _DTYPES if known.startswith(dtype)]
    near = near or difflib.get_close_matches(dtype, _DTYPES, n=1)
    return f' Did you mean "{near[0]}"?' if near else ""


_DTYPES: Final = (
    *("float32", "float64", "float16", "bfloat16", "int32", "int64", "int16", "int8"),
    *("uint8", "uint16", "uint32", "uint64", "bool", "string", "complex64", "complex128"),
)


def _out_of_range(code: str, count: str) -> str:
    text = f"{code} is out of range: there are {count}, counted from 0."
    if code == count:
        text += "\nAre the codes of R, counted from 1? Subtract 1 from them."
    return text


def _joined(groups: dict[str, str]) -> str:
    """Which sizes differ; each framework says it in another way."""
    a, b = groups["one"] or groups["first"], groups["other"] or groups["second"]
    if groups["a"]:
        pairs = zip(sizes_of(groups["a"]), sizes_of(groups["b"]), strict=False)
        along = int(groups["along"])
        a, b = next(
            (pair for axis, pair in enumerate(pairs) if axis != along and pair[0] != pair[1]),
            ("", ""),
        )
    elif groups["c"]:
        at = int(groups["at"])
        a, b = sizes_of(groups["c"])[at], sizes_of(groups["d"])[at]
    text = "The tensors differ in another dimension than the one along which they are joined"
    return f"{text}: sizes {a} and {b}." if a else f"{text}."


_ARRAYS: Final = {"ArrayImpl": "JAX", "Tensor": "PyTorch", "EagerTensor": "TensorFlow"}


def _operands(groups: dict[str, str]) -> str:
    one, other = (groups[name].rpartition(".")[2] for name in "ab")
    if one in _ARRAYS and other in _ARRAYS:
        return (
            f"`{groups['operator']}` has a tensor of {_ARRAYS[one]} and one of {_ARRAYS[other]}, "
            "which do not mix.\n`as.array()` makes R's data of the one that is not the backend's."
        )
    return f"`{groups['operator']}` cannot compute with {one} and {other}."


def _reshape(groups: dict[str, str]) -> str:
    sizes = [int(size) for size in re.findall(r"-?\d+", groups["b"])]
    if -1 in sizes:
        return f"{groups['a']} elements cannot have the shape {groups['b']}."
    return f"{groups['a']} elements cannot have a shape of {math.prod(sizes)}."


def _no_axis(axis: str, count: str) -> str:
    return f"axis {axis} is none of the tensor's {count} dimensions"


def _structure(groups: dict[str, str]) -> str:
    names = re.findall(r"'([^']*)': '", groups["got"])
    if not names:
        return (
            "The inputs are nested in another way than the model's: it has "
            f"{groups['expected']}, and got {groups['got']}."
        )
    given = ", ".join(f'"{name}"' for name in names)
    return (
        f"The data has {len(names)} named parts, {given}, and the model other inputs.\n"
        "A data frame is one input for each column; for one input of several columns make it a "
        "numeric matrix: `as.matrix(x)`, or `model.matrix(~ . - 1, x)` where it holds factors."
    )
