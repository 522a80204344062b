"""Why a model could not be run on data: their shapes beside the model's.

Frameworks tell of the step at which they noticed, each in its own words. What the user gave and
what the model takes are at hand when a call has failed, and are the same on every backend.
"""

from __future__ import annotations

from typing import Any, Final

from kerasbridge import messages
from kerasbridge.errors import ArgumentError
from kerasbridge.sources.batches import keras

Sizes = list[str]


def explained(error: Exception, model: Any, x: Any, y: Any = None) -> Exception:
    """`error`, or another that says which data do not fit the built `model`."""
    if not getattr(model, "built", False) or isinstance(error, ArgumentError) or _is_r(error):
        return error
    text = _text(error, model) or _inputs(model, x)
    if text is None and _is_data(x):
        text = _compiled(model) or _parts(model, y) or _targets(model, y)
    return error if text is None else ArgumentError(text)


def _text(error: Exception, model: Any) -> str | None:
    """A layer that takes text within a model, where the backend has no tensors of strings."""
    backend = keras().config.backend()
    if backend == "tensorflow" or "Invalid dtype: object" not in str(error):
        return None
    for layer in getattr(model, "_flatten_layers", list)():
        if type(layer).__name__ in _OF_TEXT:
            return (
                f'The layer "{layer.name}" takes text, which {backend} cannot compute with: it '
                "works in the data, before the model.\n"
                f"data |> dataset_batch(32) |> dataset_map(function(x, y) list({layer.name}(x), y))"
                "\nThe model then begins with what the layer gives. This is the same on each "
                "backend."
            )
    return None


#: Keras's layers that take strings, in lists of features as well.
_OF_TEXT: Final = ("TextVectorization", "StringLookup", "Hashing", "HashedCrossing", "FeatureSpace")


def _is_data(x: Any) -> bool:
    """Are there arrays, which targets go with?"""
    if isinstance(x, dict):
        x = list(x.values())
    return all(map(_is_data, x)) if isinstance(x, (list, tuple)) else hasattr(x, "shape")


def _is_r(error: BaseException | None) -> bool:
    """Did R code fail? Then it has said why."""
    while error is not None:
        if hasattr(error, "r_class"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _inputs(model: Any, x: Any) -> str | None:
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return None
    if isinstance(x, dict) and len(inputs) == 1:
        return _frame(model, x)
    names = [tensor.name for tensor in inputs]
    if isinstance(x, dict):
        parts = [x[name] for name in names if name in x]
        given = ", named " + ", ".join(f'"{name}"' for name in x)
    else:
        parts = list(x) if isinstance(x, (list, tuple)) else [x]
        given = ""
    if len(parts) != len(inputs):
        if not _is_data(x):
            return None
        count = len(x) if isinstance(x, (dict, list, tuple)) else 1
        return (
            f'The model "{model.name}" takes {len(inputs)} inputs, '
            + ", ".join(f'"{name}"' for name in names)
            + f", and got {count}{given}.\nGive a list with one part for each of these names."
        )
    for tensor, part in zip(inputs, parts, strict=True):
        got = _sizes(part)
        expected = _known(tensor.shape)
        if got is not None and not _fits(expected, got):
            which = f' for the input "{tensor.name}"' if len(inputs) > 1 else ""
            text = (
                f'The model "{model.name}" takes data of shape {messages.vector(expected)}{which}, '
                f"and got {messages.vector(got)}."
            )
            return _with(text, _cause(expected, got))
    return None


def _frame(model: Any, x: dict[str, Any]) -> str | None:
    name = model.inputs[0].name
    if set(x) == {name} or any(_sizes(part) is None for part in x.values()):
        return None
    shape = messages.vector(_known(model.inputs[0].shape))
    named = ", ".join(f'"{key}"' for key in list(x)[:6]) + (", ..." if len(x) > 6 else "")
    return (
        f'The model "{model.name}" has one input, of shape {shape}, and the data {len(x)} named '
        f"parts: {named}.\nA data frame with a column that is no number, a factor or text, is one "
        "part for each column. Make it a matrix: `model.matrix(~ . - 1, x)` has a column for "
        "each level."
    )


def _cause(expected: Sizes, got: Sizes) -> str:
    if len(expected) == len(got):
        return "Data for it has the same columns, in the same order, as the data it was made for."
    return messages.missing(expected, got)


def _compiled(model: Any) -> str | None:
    """Losses and metrics of names that no output has."""
    names = _outputs(model)
    metrics = getattr(getattr(model, "_compile_metrics", None), "_user_metrics", None)
    for argument, given in (("loss", getattr(model, "loss", None)), ("metrics", metrics)):
        unknown = [name for name in given if name not in names] if isinstance(given, dict) else []
        if unknown and not names:
            return (
                f"`{argument}` of compile() names {_quoted(unknown)}, and the model "
                f'"{model.name}" has one output, without a name: leave the name out.'
            )
        if unknown:
            return (
                f"`{argument}` of compile() names {_quoted(unknown)}, and the outputs of the model "
                f'"{model.name}" are {_quoted(names)}.'
            )
    return None


def _parts(model: Any, y: Any) -> str | None:
    """Targets of other names, or another number, than the model has outputs."""
    names = _outputs(model)
    if len(names) < 2 or y is None or not getattr(model, "loss", None):
        return None
    if isinstance(y, dict):
        fits, given = set(y) == set(names), f"parts named {_quoted(list(y))}"
    else:
        count = len(y) if isinstance(y, (list, tuple)) else 1
        fits, given = count == len(names), f"{count} {'part' if count == 1 else 'parts'}"
    if fits or (isinstance(model.loss, dict) and len(model.loss) < len(names)):
        return None
    return (
        f'The model "{model.name}" has {len(names)} outputs, {_quoted(names)}, and the targets '
        f"have {given}.\nGive `y` as a list with one part for each of these names."
    )


def _outputs(model: Any) -> list[str]:
    return list(getattr(model, "output_names", None) or [])


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _targets(model: Any, y: Any) -> str | None:
    outputs = getattr(model, "outputs", None)
    losses = getattr(model, "loss", None)
    if not outputs or len(outputs) != 1 or not losses:
        return None
    if y is None:
        return "There are no targets: `y` is missing, and the model was compiled with a loss."
    target, output = _sizes(y), _known(outputs[0].shape)
    if target is None or not output:
        return None
    name = getattr(losses, "name", None) or getattr(losses, "__name__", None) or losses
    sparse = isinstance(name, str) and name.startswith("sparse")
    rank = len(output) - 1 if sparse else len(output)
    trailing = target[:-1] if len(target) > rank and target[-1] == "1" else target
    wanted = output[:-1] if sparse else output
    if _fits(wanted, trailing) or (not sparse and output[-1] == "1" and _fits(output[:-1], target)):
        return None
    if getattr(losses, "__module__", "").startswith("keras") or isinstance(losses, str):
        return messages.wrong_target("sparse" if sparse else "", ["NA", *target[1:]], output)
    return None


def _fits(expected: Sizes, got: Sizes) -> bool:
    return len(expected) == len(got) and all(
        want in ("NA", size) for want, size in zip(expected, got, strict=True)
    )


def _known(shape: Any) -> Sizes:
    return ["NA" if size is None else str(size) for size in shape]


def _sizes(value: Any) -> Sizes | None:
    """The sizes of data; ``None`` for what has none, as a data set."""
    shape = getattr(value, "shape", None)
    return None if shape is None else ["NA" if s is None else str(int(s)) for s in shape]


def _with(text: str, cause: str) -> str:
    return f"{text}\n{cause}" if cause else text
