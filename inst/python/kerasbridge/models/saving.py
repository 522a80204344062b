"""Models and weights in files: written whole or not at all, with the R source they rest on.

A `.keras` archive holds classes and functions by name only. What R wrote can be stored beside
them, in a member of its own that Keras ignores: :data:`SOURCE`, text that R makes and R reads.
Nothing here looks further into it than for the names.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any, Final

from kerasbridge.crossing import callables
from kerasbridge.distribution import clusters, sharing
from kerasbridge.errors import ArgumentError, UnknownObjectError
from kerasbridge.models import classes, files, terms
from kerasbridge.tensors.kinds import path as expanded

#: The member of an archive, or the file of a directory, that holds R's source.
SOURCE: Final = "r_source.json"

#: Says whether two R functions are one.
Same = Callable[[Any, Any], bool]


def save_model(
    model: Any,
    path: str,
    overwrite: bool,
    zipped: bool | None,
    source: str | None,
    same: Same,
    own: bool = False,
) -> None:
    """Write a model, with `source` beside it where there is one.

    The first of several processes writes, or each, where the file is its `own`.
    """
    zipped = not _is_remote(path) if zipped is None else zipped
    if zipped and not path.endswith((".keras", ".h5", ".hdf5")):
        raise ArgumentError(f'`filepath` must end in ".keras": "{path}" does not.')
    if not zipped and path.endswith(".keras"):
        raise ArgumentError(
            f'`filepath` must not end in ".keras" with `zipped = FALSE`: "{path}" does.'
        )
    if source is not None and (_is_remote(path) or path.endswith((".h5", ".hdf5"))):
        raise ArgumentError("`r_source = TRUE` needs a local file that ends in `.keras`.")

    def write(target: str) -> None:
        with _names(same):
            _saving().save_model(model, target, overwrite=True, zipped=zipped)
        if source is not None:
            _add(Path(target), SOURCE, source)
        if known is not None and not _is_remote(path) and not path.endswith((".h5", ".hdf5")):
            _add(Path(target), terms.MEMBER, known)

    known = terms.of(model)
    _whole(path, overwrite, write, own)


def _add(target: Path, member: str, text: str) -> None:
    if target.is_dir():
        (target / member).write_text(text, encoding="utf-8")
    else:
        with zipfile.ZipFile(target, "a") as archive:
            archive.writestr(member, text)


def save_weights(model: Any, path: str, overwrite: bool, max_shard_size: float | None) -> None:
    """Write a model's weights, to one file or to several that a `.json` lists."""
    ending = ".weights.h5" if max_shard_size is None else ".weights.json"
    if not path.endswith(ending):
        raise ArgumentError(f'`filepath` must end in "{ending}": "{path}" does not.')

    def write(target: str) -> None:
        _saving().save_weights(model, target, overwrite=True, max_shard_size=max_shard_size)

    _whole(path, overwrite, write)


def export(
    model: Any, path: str, overwrite: bool, format: str, verbose: bool, options: dict[str, Any]
) -> None:
    """Write a model for serving, by programs that know no Keras."""
    _check_exporter(format)

    def write(target: str) -> None:
        with _untold():
            _see_called(model)
            model.export(target, format=format, verbose=verbose, **options)

    _whole(path, overwrite, write)


#: The backends from which a format is written, and what Keras imports for it besides the backend.
_EXPORTERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "tf_saved_model": {
        "tensorflow": (),
        "jax": ("tensorflow",),
        "torch": ("tensorflow", "torch_xla"),
    },
    "onnx": {
        "tensorflow": ("onnx", "tf2onnx"),
        "jax": ("onnx", "jax2onnx"),
        "torch": ("onnx", "onnxscript"),
    },
    # What JAX hands to TensorFlow is one operation, which OpenVINO does not read.
    "openvino": {"tensorflow": ("openvino",), "torch": ("openvino",)},
    "litert": {"tensorflow": (), "torch": ("litert_torch",)},
    "torch": {"torch": ()},
}


def _check_exporter(format: str) -> None:
    """Refuse a format that the backend cannot write, and name the packages that are missing."""
    backends = _EXPORTERS.get(format)
    if backends is None:  # Keras says which there are
        return
    backend = _backend()
    if backend not in backends:
        raise ArgumentError(
            f'The format "{format}" cannot be written from a model of the {backend} backend; '
            f"it can from one of: {', '.join(backends)}."
        )
    lacking = [package for package in backends[backend] if not _installed(package)]
    if lacking:
        named = ", ".join(f'"{package}"' for package in lacking)
        named = f"c({named})" if len(lacking) > 1 else named
        raise ArgumentError(
            f'The format "{format}" on the {backend} backend needs Python packages that are '
            f"missing: `py_install({named})` installs them, or `py_require({named})` at the start "
            "of a session."
        )


def _see_called(model: Any) -> None:
    """Keras exports only what was called once, which a built model need not be."""
    if not model.built or model._called:
        return
    utils: Any = importlib.import_module("keras.src.export.export_utils")
    signature = utils.get_input_signature(model)
    one = functools.partial(utils.convert_spec_to_tensor, replace_none_number=1)
    model(*importlib.import_module("keras").tree.map_structure(one, signature))


@contextmanager
def _untold() -> Iterator[None]:
    """Within it, exporters keep to themselves what they warn of in their own and Keras's code."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"In the future `np\.", FutureWarning)
        warnings.filterwarnings("ignore", "Converting a tensor to a Python")
        yield


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _backend() -> str:
    return str(importlib.import_module("keras").config.backend())


def write_text(path: str, overwrite: bool, text: str) -> None:
    """Write a text file."""
    _whole(path, overwrite, lambda target: Path(target).write_text(text, encoding="utf-8"))


def _whole(path: str, overwrite: bool, write: Callable[[str], object], own: bool = False) -> None:
    """Let `write` write a local file whole, or a remote one as it comes.

    The first of several processes does, unless the file is this one's `own`; the others wait for
    it, so that all find the file afterwards.
    """
    if own:
        _written(path, overwrite, write)
        return
    try:
        if sharing.is_first():
            _written(path, overwrite, write)
    finally:
        clusters.meet()


def _written(path: str, overwrite: bool, write: Callable[[str], object]) -> None:
    if _is_remote(path):
        with sharing.alone():
            write(path)
        return
    target = Path(expanded(path, "filepath"))
    if target.exists() and not overwrite:
        raise ArgumentError(f'"{path}" exists already.\nWrite `overwrite = TRUE` to replace it.')
    if not target.parent.is_dir():
        raise ArgumentError(f'There is no directory "{target.parent}" to write to.')
    with sharing.alone():
        files.whole(target, write)


def _is_remote(path: str) -> bool:
    return "://" in path


def _saving() -> Any:
    return importlib.import_module("keras").saving


def written_in_r(model: Any, same: Same) -> dict[str, Any]:
    """What R wrote and the model refers to, by the names that it has in the model's file.

    A class is R's definition of it, a function is R's function.
    """
    with _names(same) as found:
        _saving().serialize_keras_object(model)
    return {name: _of_r(value) for name, value in found.items()}


def _of_r(value: Any) -> Any:
    """What R has made `value` of, or ``None``."""
    if isinstance(value, type):
        return classes.own_definition(value)
    return callables.r_function(value) if isinstance(value, FunctionType) else None


@contextmanager
def _names(same: Same) -> Iterator[dict[str, Any]]:
    """Within it, Keras gives each of R's classes and functions a name of its own.

    Names are all that a file has of them, and R has many functions without one. A function must
    not share its name with one of Keras either, which would be taken for it. What was given a
    name is found in the dictionary.
    """
    registration: Any = importlib.import_module("keras.src.saving.object_registration")
    registered_name = registration.get_registered_name
    found: dict[str, Any] = {}

    def name_of(value: Any) -> str:
        name = str(registered_name(value))
        if _of_r(value) is None:
            return name
        name = "r_function" if name == "python_function" else name  # reticulate names them so
        given, count = name, 1
        while not _fits(given, value):
            count += 1
            given = f"{name}_{count}"
        found[given] = value
        return given

    def _fits(name: str, value: Any) -> bool:
        if name in found:
            return _is_one(found[name], value)
        return isinstance(value, type) or name not in _keras_functions()

    def _is_one(one: Any, other: Any) -> bool:
        if one is other or isinstance(one, type) or isinstance(other, type):
            return one is other
        return same(_of_r(one), _of_r(other))

    registration.get_registered_name = name_of
    try:
        yield found
    finally:
        registration.get_registered_name = registered_name


@functools.cache
def _keras_functions() -> frozenset[str]:
    """The names that a file may use for functions of Keras."""
    keras = importlib.import_module("keras")
    modules = (keras.activations, keras.losses, keras.metrics, keras.initializers)
    return frozenset(name for module in modules for name in dir(module))


def source(path: str) -> str | None:
    """The R source that is stored with a model, as text."""
    return _member(Path(expanded(path, "filepath")), SOURCE)


def _member(path: Path, name: str) -> str | None:
    if path.is_dir():
        file = path / name
        return file.read_text(encoding="utf-8") if file.is_file() else None
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode("utf-8") if name in archive.namelist() else None


def load_model(
    path: str, custom_objects: Mapping[str, Any], compile: bool, safe_mode: bool, loader: str
) -> Any:
    """Read a model; the classes and functions that it lacks are named all at once."""
    objects = dict(custom_objects)
    if not _is_remote(path):
        path = expanded(path, "filepath")
        if not files.is_there(Path(path)):
            raise ArgumentError(f'There is no file "{path}".')
        if path.endswith(".keras") and not zipfile.is_zipfile(path):
            raise ArgumentError(f'"{path}" is no `.keras` file, or not a whole one.')
        text = _member(Path(path), "config.json")
        if text is not None:
            config = json.loads(text)
            if not compile:
                config.pop("compile_config", None)
            objects = _all_known(config, objects, source(path), loader)
    model = _saving().load_model(path, custom_objects=objects, compile=compile, safe_mode=safe_mode)
    known = None if _is_remote(path) else _member(Path(path), terms.MEMBER)
    if known is not None:
        terms.keep(model, known)
    return model


def load_weights(model: Any, path: str, skip_mismatch: bool) -> None:
    """Read weights into a model."""
    if not _is_remote(path):
        path = expanded(path, "filepath")
        if not files.is_there(Path(path)):
            raise ArgumentError(f'There is no file "{path}".')
        files.check_shards(Path(path))
    _saving().load_weights(model, path, skip_mismatch=skip_mismatch)


def from_json(config: str, custom_objects: Mapping[str, Any], loader: str) -> Any:
    """A model from its configuration, its weights afresh."""
    objects = _all_known(json.loads(config), dict(custom_objects), None, loader)
    return importlib.import_module("keras").models.model_from_json(config, custom_objects=objects)


def to_json(model: Any, same: Same) -> str:
    """A model's configuration."""
    with _names(same):
        return str(model.to_json())


def _all_known(
    config: dict[str, Any], objects: dict[str, Any], stored: str | None, loader: str
) -> dict[str, Any]:
    """`objects`, and what is registered under a name that the file has without its package."""
    unknown = dict.fromkeys(_unknown(config, objects))
    objects = objects | {
        name: found[0] for name in unknown if len(found := _registered_as(name)) == 1
    }
    unknown = dict.fromkeys(_unknown(config, objects))
    if not unknown:
        return objects
    one = next(iter(unknown))
    package, _, plain = one.rpartition(">")
    shown = f'"{one}"' if package else one
    registered = f'{plain}, package = "{package}"' if package else plain
    lines = [
        "The model uses classes or functions that this session does not know: "
        f"{', '.join(unknown)}.",
        f"Define and register them first: `register_keras_serializable({registered})`.",
        f"Or pass them: `{loader}(..., custom_objects = list({shown} = {plain}))`.",
    ]
    if stored is not None:
        names = ", ".join(json.loads(stored)["objects"])
        lines.append(
            f"The R source of {names} is stored with the model. If you trust where it comes "
            f"from, `{loader}(..., trust_r_source = TRUE)` runs it; `stored_r_source()` shows it."
        )
    raise UnknownObjectError("\n".join(lines))


def _registered_as(name: str) -> list[Any]:
    """What is registered under this name in any package."""
    registered = _saving().get_custom_objects()
    return [value for key, value in registered.items() if key.endswith(f">{name}")]


def _unknown(config: Any, custom_objects: dict[str, Any]) -> Iterator[str]:
    """The names in a configuration that lead nowhere."""
    if isinstance(config, list):
        for part in config:
            yield from _unknown(part, custom_objects)
    elif isinstance(config, dict):
        if {"module", "class_name", "config", "registered_name"} <= config.keys():
            is_function = config["class_name"] == "function"
            name = config["config"] if is_function else config["registered_name"]
            if not _is_known(config, name or config["class_name"], custom_objects):
                yield name or config["class_name"]
        for part in config.values():
            yield from _unknown(part, custom_objects)


def _is_known(config: dict[str, Any], name: str, custom_objects: dict[str, Any]) -> bool:
    if _saving().get_registered_object(name, custom_objects=custom_objects) is not None:
        return True
    module = config["module"]
    if module == "builtins":
        return config["class_name"] != "function" or name in _keras_functions()
    return module is not None and module.split(".")[0] in _MODULES


#: Packages whose classes and functions Keras imports by itself.
_MODULES: Final = frozenset({"keras", "keras_hub", "keras_cv", "keras_nlp", "tensorflow"})
