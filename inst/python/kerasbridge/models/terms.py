"""What R knows of a model beyond Keras: the columns it was trained on, the levels of its targets.

R writes and reads it, as JSON. Here it stays with the model, and goes with it into a file.
"""

from __future__ import annotations

from typing import Any, Final

from kerasbridge.models import targets

#: Where a model has it, and how the member of an archive is called.
_ATTRIBUTE: Final = "_kerasbridge_terms"
MEMBER: Final = "r_terms.json"


def of(model: Any) -> str | None:
    """The text that R has left with `model`."""
    text: str | None = vars(model).get(_ATTRIBUTE)
    return text


def keep(model: Any, text: str) -> None:
    """Leave a text with `model`; Keras need not know of it."""
    object.__setattr__(model, _ATTRIBUTE, text)


def inputs(model: Any) -> dict[str, Any] | None:
    """The names and dtypes of a model's inputs, or ``None`` where they are not known yet."""
    tensors = getattr(model, "inputs", None)
    if not tensors:
        return None
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, dict):
        return {
            "names": list(structure),
            "dtypes": [str(tensor.dtype) for tensor in structure.values()],
        }
    return {
        "names": [tensor.name for tensor in tensors],
        "dtypes": [str(tensor.dtype) for tensor in tensors],
    }


def from_logits(model: Any) -> bool:
    """Whether the model's one loss takes its outputs for logarithms of odds."""
    return targets.from_logits(model)
