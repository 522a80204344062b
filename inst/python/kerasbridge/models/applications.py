"""What goes with a ready-made model: how its input is scaled, and the classes it tells apart.

Keras keeps these in a module for each architecture, and the name of a model tells which.
"""

from __future__ import annotations

import importlib
import re
from types import ModuleType
from typing import Any

from kerasbridge.errors import ArgumentError, did_you_mean


def preprocess(model: Any, x: Any, architecture: str | None, data_format: str | None) -> Any:
    """Pixels `x` from 0 to 255, scaled as the weights of `model` need them; `x` stays as it is."""
    keras = importlib.import_module("keras")
    module = _module(model, architecture)
    if "float" not in keras.backend.standardize_dtype(x.dtype):
        x = keras.ops.cast(x, keras.config.floatx())
    # torch scales in place
    return module.preprocess_input(keras.ops.copy(x), data_format=data_format)


def decode(model: Any, preds: Any, top: int, architecture: str | None) -> list[dict[str, Any]]:
    """For each row of `preds` the best classes, as columns."""
    rows = _module(model, architecture).decode_predictions(preds, top=top)
    columns = ("class_name", "class_description", "score")
    return [
        {
            column: [float(value) if column == "score" else value for value in values]
            for column, values in zip(columns, zip(*row, strict=True), strict=True)
        }
        for row in rows
    ]


def _module(model: Any, architecture: str | None) -> ModuleType:
    """The module whose name begins the model's, as ``mobilenet_v2`` does ``mobilenetv2_1.00_224``.

    Of several, such as ``mobilenet`` too, it is the longest.
    """
    name = architecture or model.name
    modules = _modules()
    found = [known for known in modules if _plain(name).startswith(_plain(known))]
    if not found:
        if architecture:
            raise ArgumentError(
                f"No architecture is named `{name}`.{did_you_mean(name, modules)} "
                f"There are {', '.join(modules)}."
            )
        raise ArgumentError(
            f"The name of the model, `{name}`, does not tell its architecture: give `architecture`."
        )
    return modules[max(found, key=lambda known: len(_plain(known)))]


def _modules() -> dict[str, ModuleType]:
    applications = importlib.import_module("keras").applications
    found = {name: getattr(applications, name) for name in dir(applications)}
    return {
        name: module
        for name, module in found.items()
        if hasattr(module, "preprocess_input") and name != "imagenet_utils"
    }


def _plain(name: str) -> str:
    """``ResNet50V2`` and ``resnet_v2`` alike: without signs, case and the depth of a ResNet."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return re.sub(r"^resnet(50|101|152)", "resnet", plain)
