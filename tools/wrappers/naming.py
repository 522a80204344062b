"""From a public Keras name to the R name of its wrapper.

The rules are few: the module gives the prefix, the rest is the object's own name in
snake case. Where R users already have another name for it, ``catalog/names.toml`` says so.
"""

from __future__ import annotations

import re
from typing import Final

#: Module -> prefix of the R names. The longest matching module wins.
PREFIXES: Final[dict[str, str]] = {
    "keras.activations": "activation_",
    "keras.applications": "application_",
    "keras.callbacks": "callback_",
    "keras.config": "config_",
    "keras.constraints": "constraint_",
    "keras.datasets": "dataset_",
    "keras.distillation": "distillation_",
    "keras.distribution": "distribution_",
    "keras.dtype_policies": "dtype_policy_",
    "keras.initializers": "initializer_",
    "keras.layers": "layer_",
    "keras.losses": "loss_",
    "keras.metrics": "metric_",
    "keras.ops.image": "op_image_",
    "keras.ops": "op_",
    "keras.optimizers.schedules": "learning_rate_schedule_",
    "keras.optimizers": "optimizer_",
    "keras.quantizers": "quantizer_",
    "keras.random": "random_",
    "keras.regularizers": "regularizer_",
    "keras.tree": "tree_",
    "keras.utils.bounding_boxes": "bounding_boxes_",
    "keras.visualization": "visualization_",
}


def snake_case(name: str) -> str:
    """``Conv2DTranspose`` -> ``conv_2d_transpose``, ``KLDivergence`` -> ``kl_divergence``."""
    name = re.sub(r"([a-zA-Z])([123]D)(?=$|[A-Z])", lambda m: f"{m[1]}_{m[2].lower()}", name)
    name = re.sub(r"([123]d)(?=[A-Z])", r"\1_", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"_+", "_", name).lower()


def r_name(python: str) -> str:
    """The R name that the rules give to a public Keras object such as ``keras.ops.sum``."""
    module, _, name = python.rpartition(".")
    while module and module not in PREFIXES:
        module = module.rpartition(".")[0]
    return PREFIXES.get(module, "") + snake_case(name)
