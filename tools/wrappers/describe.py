"""From Keras's objects to the wrappers that R gets: names, formals, kinds, forms."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from kerasbridge.tensors.kinds import KINDS, kind_of
from kerasbridge.wrappers.adapters import adapted
from kerasbridge.wrappers.bindings import counts_positions
from tools.wrappers.catalog import Catalog, Entry, Incomplete
from tools.wrappers.inventory import Symbol, name_exceptions, r_name_of, symbols
from tools.wrappers.naming import r_name

#: R name prefix -> (file, family of cross-links, page of the Keras documentation).
_FAMILIES: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("activation_", "activations", "activations", "layers/activations/"),
    ("application_", "applications", "applications", "applications/"),
    ("bounding_boxes_", "utils", "bounding boxes", "utils/bounding_boxes/"),
    ("callback_", "callbacks", "callbacks", "callbacks/"),
    ("config_", "config", "configuration", "utils/config_utils/"),
    ("constraint_", "constraints", "constraints", "layers/constraints/"),
    ("dataset_", "datasets", "datasets", "datasets/"),
    ("distillation_", "distillation", "distillation", ""),
    ("distribution_", "distribution", "distribution", "distribution/"),
    ("dtype_policy", "dtype-policies", "dtype policies", "mixed_precision/policy/"),
    ("initializer_", "initializers", "initializers", "layers/initializers/"),
    (
        "learning_rate_schedule_",
        "schedules",
        "learning rate schedules",
        "optimizers/learning_rate_schedules/",
    ),
    ("loss_", "losses", "losses", "losses/"),
    ("metric_", "metrics", "metrics", "metrics/"),
    ("op_image_", "ops-image", "image ops", "ops/image/"),
    ("optimizer_", "optimizers", "optimizers", "optimizers/"),
    ("quantizer_", "quantizers", "quantizers", "quantizers/"),
    ("random_", "random", "random ops", "random/"),
    ("regularizer_", "regularizers", "regularizers", "layers/regularizers/"),
    ("rnn_cell", "layers-rnn", "recurrent layers", "layers/recurrent_layers/"),
    ("tree_", "tree", "tree functions", ""),
    ("visualization_", "visualization", "visualization", ""),
)

#: Keras's source package of a layer -> (file, family, page).
_LAYER_FAMILIES: Final = {
    "activations": ("layers-activation", "activation layers", "layers/activation_layers/"),
    "attention": ("layers-attention", "attention layers", "layers/attention_layers/"),
    "convolutional": ("layers-convolutional", "convolutional layers", "layers/convolution_layers/"),
    "core": ("layers-core", "core layers", "layers/core_layers/"),
    "merging": ("layers-merging", "merging layers", "layers/merging_layers/"),
    "normalization": (
        "layers-normalization",
        "normalization layers",
        "layers/normalization_layers/",
    ),
    "pooling": ("layers-pooling", "pooling layers", "layers/pooling_layers/"),
    "preprocessing": (
        "layers-preprocessing",
        "preprocessing layers",
        "layers/preprocessing_layers/",
    ),
    "regularization": (
        "layers-regularization",
        "regularization layers",
        "layers/regularization_layers/",
    ),
    "reshaping": ("layers-reshaping", "reshaping layers", "layers/reshaping_layers/"),
    "rnn": ("layers-rnn", "recurrent layers", "layers/recurrent_layers/"),
}

_OP_FAMILIES: Final = {
    "numpy": ("ops-numpy", "array ops", "ops/numpy/"),
    "nn": ("ops-nn", "neural network ops", "ops/nn/"),
    "linalg": ("ops-linalg", "linear algebra ops", "ops/linalg/"),
    "math": ("ops-math", "mathematical ops", "ops/numpy/"),
    "core": ("ops-core", "core ops", "ops/core/"),
    "image": ("ops-image", "image ops", "ops/image/"),
}

#: Python's names that R reserves, and the names that R users get.
_RESERVED: Final = {"function": "f"}

#: Keras's own site, with a page for each family.
FAMILIES_AT: Final = "https://keras.io/api/"


def page_of(python: str) -> str:
    """The page of a public object of Keras, on the site that has one for each."""
    return "https://www.tensorflow.org/api_docs/python/tf/" + python.replace(".", "/")


@dataclass(frozen=True)
class WrapperParameter:
    """One formal of a wrapper: its kind, its default in R, and how the shim treats it.

    `python` is its name in Python, where R reserves that.
    """

    name: str
    kind: str
    mode: str = "required"
    default: Any = None
    r_default: str | None = None
    python: str = ""

    def as_json(self) -> list[Any]:
        """Its name and kind; its default, unless it is required; and a mode of another name."""
        fields: list[Any] = [self.name, self.kind]
        if self.mode != "required":
            fields.append(self.default)
        return fields if self.mode in ("required", "default") else [*fields, self.mode]


#: What a function that takes or returns positions takes besides Keras's own parameters.
_ZERO_INDEXED: Final = WrapperParameter("zero_indexed", "value", "default", False, "FALSE")


@dataclass(frozen=True)
class Wrapper:
    """One R function to write."""

    name: str
    python: str
    form: str
    parameters: tuple[WrapperParameter, ...]
    result: str | list[str]
    file: str
    family: str
    page: str
    family_page: str
    function: str | None = None
    formals: tuple[str, ...] = ()
    variadic: str | None = None
    rest: str = "value"
    composed: str | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The arguments as the shim gets them: what a layer is applied to, then Keras's order."""
        names = tuple(parameter.name for parameter in self.parameters)
        return (self.composed, *names) if self.composed else names

    def parameter(self, name: str) -> WrapperParameter:
        return next(parameter for parameter in self.parameters if parameter.name == name)

    def as_json(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "python": self.python,
            "parameters": [parameter.as_json() for parameter in self.parameters],
        }
        if self.form != "function":
            entry["form"] = self.form
        if self.function:
            entry["function"] = self.function
        renamed = {p.name: p.python for p in self.parameters if p.python}
        if renamed:
            entry["renamed"] = renamed
        if self.rest != "value":
            entry["rest"] = self.rest
        if self.result != "tensor":
            entry["result"] = self.result
        return entry


@dataclass(frozen=True)
class Survey:
    """The wrappers of the installed Keras, and what the catalog lacks for them."""

    wrappers: list[Wrapper]
    gaps: list[str]


def survey(catalog: Catalog) -> Survey:
    """What the installed Keras has, described or not."""
    groups = _groups(catalog)
    found, gaps = [], []
    if missing := sorted(set(groups) - set(catalog.entries)):
        listed = "\n".join(f"  {name}: {groups[name][0].python}" for name in missing)
        gaps.append(f"The catalog does not describe:\n{listed}")
    if unknown := sorted(set(catalog.entries) - set(groups)):
        gaps.append(f"The catalog describes what Keras lacks: {', '.join(unknown)}.")
    for name in sorted(groups):
        entry = catalog.entries.get(name) or Entry(name, title="", description="")
        try:
            found.append(_wrapper(name, groups[name], entry))
        except Incomplete as gap:
            gaps.append(str(gap))
            continue
        if lost := sorted({*entry.order, *entry.named} - set(found[-1].formals)):
            gaps.append(f"{name}() has no parameter {', '.join(lost)} to be put elsewhere.")
    return Survey(found, gaps)


def _groups(catalog: Catalog) -> dict[str, list[Symbol]]:
    """The objects that each wrapper stands for."""
    groups: dict[str, list[Symbol]] = {}
    exceptions = name_exceptions()
    for symbol in symbols():
        names = (symbol.python, *symbol.aliases)
        if not callable(symbol.object) or any(
            name in catalog.excluded or name in catalog.handwritten for name in names
        ):
            continue
        groups.setdefault(r_name_of(symbol, exceptions), []).append(symbol)
    for symbol in symbols():
        _pair_with_class(symbol, groups)
    return groups


def _pair_with_class(symbol: Symbol, groups: dict[str, list[Symbol]]) -> None:
    """A function that is a loss and a metric belongs to the class of the metric too."""
    if inspect.isclass(symbol.object) or not callable(symbol.object):
        return
    for alias in symbol.aliases:
        classes = groups.get(r_name(alias), []) if alias.startswith("keras.metrics.") else []
        if len(classes) == 1 and inspect.isclass(classes[0].object):
            classes.append(Symbol(alias, symbol.object))


def _wrapper(name: str, group: list[Symbol], entry: Entry) -> Wrapper:
    classes = [symbol for symbol in group if inspect.isclass(symbol.object)]
    functions = [symbol for symbol in group if not inspect.isclass(symbol.object)]
    main = (classes or functions)[0]
    form, function = _form(name, main, functions if classes else [])
    described = list(_parameters(main, entry))
    if form == "pair":
        described = _merged(list(_parameters(functions[0], entry)), described)
    if counts_positions(name, entry.result, [parameter.kind for parameter in described]):
        described.append(_ZERO_INDEXED)
    file, family, page = _family(name, main)
    variadic = _variadic(main)
    composed = {"layer": entry.composed or "object", "merge": "inputs"}.get(form)
    formals = _formals(form, composed, [parameter.name for parameter in described], entry.named)
    if variadic:
        formals.remove("...")
        formals.insert(_variadic_place(main), "...")
    first = [name for name in entry.order if name in formals]
    return Wrapper(
        name=name,
        python=main.python,
        form=form,
        parameters=tuple(described),
        result=entry.result,
        file=file,
        family=entry.family or family,
        page=page_of(main.python),
        family_page=FAMILIES_AT + page,
        function=function,
        formals=tuple(dict.fromkeys([*first, *formals])),
        variadic=variadic,
        rest=entry.kinds.get(variadic) or kind_of(variadic, None) if variadic else "value",
        composed=composed,
    )


#: What comes after ``...``: by name only, so that the options of the function itself come first.
_OF_EVERY_LOSS: Final = ("reduction", "name", "dtype")


def _formals(form: str, composed: str | None, parameters: list[str], named: list[str]) -> list[str]:
    """The formals of a wrapper, in R's order."""
    named = [*named, *(_OF_EVERY_LOSS if form == "pair" else ())]
    first = [name for name in parameters if name not in named]
    last = [name for name in parameters if name in named]
    if form == "merge":
        return ["inputs", "...", *first, *last]
    return [*([composed] if composed else []), *first, "...", *last]


def _variadic(symbol: Symbol) -> str | None:
    """The name of ``*operands``, when there is such."""
    for parameter in inspect.signature(symbol.object).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL and not inspect.isclass(symbol.object):
            return parameter.name
    return None


def _variadic_place(symbol: Symbol) -> int:
    kinds = [p.kind for p in inspect.signature(symbol.object).parameters.values()]
    return kinds.index(inspect.Parameter.VAR_POSITIONAL)


def _form(name: str, main: Symbol, functions: list[Symbol]) -> tuple[str, str | None]:
    keras = importlib.import_module("keras")
    if name.startswith(("loss_", "metric_")) and functions:
        return "pair", functions[0].python
    if name.startswith("layer_") and inspect.isclass(main.object):
        merging = importlib.import_module("keras.src.layers.merging.base_merge")
        if issubclass(main.object, merging.Merge):
            return "merge", None
        if issubclass(main.object, keras.layers.Layer):
            return "layer", None
    return "function", None


def _merged(
    function: list[WrapperParameter], cls: list[WrapperParameter]
) -> list[WrapperParameter]:
    """The data of the function form first, optional; then every option of either form."""
    data = [WrapperParameter(p.name, p.kind, "default", None, "NULL") for p in function[:2]]
    options = {p.name: p for p in function[2:]} | {p.name: p for p in cls}
    return [*data, *options.values()]


def _parameters(symbol: Symbol, entry: Entry) -> Iterator[WrapperParameter]:
    function = adapted(symbol.python, symbol.object)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = None if parameter.default is parameter.empty else parameter.default
        name = (_RESERVED | entry.renamed).get(parameter.name, parameter.name)
        python = parameter.name if parameter.name != name else ""
        kind = entry.kinds.get(name) or kind_of(name, default)
        if kind not in KINDS:
            raise Incomplete(f"{symbol.python}: `{parameter.name}` has the unknown kind {kind!r}.")
        if parameter.default is parameter.empty:
            yield WrapperParameter(name, kind, python=python)
            continue
        r_default = _in_r(default, kind)
        if r_default is None:
            yield WrapperParameter(name, kind, "omit", None, "NULL", python)
        else:
            yield WrapperParameter(name, kind, "default", default, r_default, python)


def _in_r(default: Any, kind: str) -> str | None:
    """A Python default as R source; ``None`` when R has no word for it."""
    if default is None:
        return "NULL"
    if isinstance(default, bool):
        return str(default).upper()
    if isinstance(default, int):
        one_based = default + 1 if kind in ("axis", "axes", "index") and default >= 0 else default
        return f"{one_based}L"
    if isinstance(default, float):
        return {"inf": "Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(default), repr(default))
    if isinstance(default, str):
        return json.dumps(default, ensure_ascii=False)
    if isinstance(default, (tuple, list)) and default:
        parts = [_in_r(part, kind) for part in default]
        same = len({type(part) for part in default}) == 1
        if same and all(part is not None and part != "NULL" for part in parts):
            vector = "list" if isinstance(default[0], (tuple, list)) else "c"
            return f"{vector}({', '.join(str(part) for part in parts)})"
    return None


def _family(name: str, symbol: Symbol) -> tuple[str, str, str]:
    for prefix, file, family, page in _FAMILIES:
        if name.startswith(prefix):
            return file, family, page
    module = getattr(symbol.object, "__module__", "").split(".")
    table = {"layer_": _LAYER_FAMILIES, "op_": _OP_FAMILIES}
    for prefix, families in table.items():
        if name.startswith(prefix):
            for part in module:
                if part in families:
                    return families[part]
            return {
                "layer_": ("layers-other", "other layers", "layers/"),
                "op_": ("ops-core", "core ops", "ops/core/"),
            }[prefix]
    return "utils", "utilities", "utils/"
