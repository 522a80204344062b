"""Python's words for values as R's, and what Keras and TensorFlow wrap around a message."""

from __future__ import annotations

import re
from typing import Final

# What is wrapped around a message ---------------------------------------------------------------

_CALLING: Final = re.compile(
    r"Exception encountered when calling [^\n]*?\.\n\n(?P<inner>.*)\n\n"
    r"Arguments received by [^\n]*:\n(?P<arguments>.*)",
    re.DOTALL,
)
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_INPUT: Final = re.compile(
    r"Tensor\(?.*?shape=(?:torch\.Size\()?(?P<shape>[\[(][^\])]*[\])])|"
    r"ndarray\(shape=(?P<array>\([^)]*\))"
)

#: What TensorFlow adds of its own: the place in a graph, the operation.
_OF_TENSORFLOW: Final = (
    (re.compile(r"^Graph execution error:.*\n\n(?=[^\n])", re.DOTALL), ""),
    (re.compile(r"\{\{function_node [^}]*\}\}\s*"), ""),
    (re.compile(r"\s*\[\[\{\{node.*", re.DOTALL), ""),
    (re.compile(r"\s*\[Op:\w+\](\s*name:[^\n]*)?"), ""),
)
#: What JAX adds of its own.
_OF_JAX: Final = (
    (re.compile(r"\n-+\nFor simplicity, JAX has removed its internal frames[^\n]*"), ""),
    (re.compile(r"\nSee https://docs\.jax\.dev\S*"), ""),
)


def unwrapped(message: str) -> tuple[str, str]:
    """The message that Keras wrapped, and in words what the layer was called on."""
    inputs = ""
    while (found := _CALLING.search(message)) is not None:
        message = found["inner"]
        shape = _INPUT.search(found["arguments"])
        # A single value has no sizes to tell of.
        if shape is not None and (sizes := shape["shape"] or shape["array"]) != "()":
            inputs = f"a tensor of shape {sizes}"
    message = _ANSI.sub("", message)
    for pattern, instead in (*_OF_TENSORFLOW, *_OF_JAX):
        message = pattern.sub(instead, message)
    return message.strip(), inputs


# R's words --------------------------------------------------------------------------------------

_R_WORDS: Final = {"None": "NULL", "True": "TRUE", "False": "FALSE"}
_WORD: Final = re.compile(r"(?<![\w.'\"])(None|True|False)(?![\w'\"])")
_AXIS: Final = re.compile(r"\b(axis|dim|axes)(\s*=\s*|\s+)(\d+)\b(?!\.)")
_SIZE: Final = r"(?:-?\d+|None|NULL|\?)"
_SHAPE: Final = re.compile(
    rf"(?:torch\.Size\(|TensorShape\()?(?<![\w)\]])[(\[]\s*({_SIZE}(?:,?\s+|,)?)"
    rf"((?:{_SIZE}(?:,\s*|\s+)?)*)[)\]]\)?"
)
_STRINGS: Final = re.compile(r"[\[({]((?:'[^']*'(?:,\s*)?)+)[\])}]")
_CLASS: Final = re.compile(r"<class '(?:[\w.]+\.)?(\w+)'>")
_CLASSES: Final = {
    "str": "character",
    "int": "integer",
    "float": "numeric",
    "bool": "logical",
    "list": "list",
    "tuple": "list",
    "dict": "named list",
    "NoneType": "NULL",
}
_TENSOR: Final = re.compile(
    r"(?:jnp\.ndarray|np\.ndarray|tf\.Tensor|torch\.Tensor|Tensor)\(shape=(c\([^()]*\)),? ?"
    r"(?:dtype=(\w+))?\)"
)
_SYMBOLIC: Final = re.compile(r"<KerasTensor shape=(c\([^()]*\)), dtype=(\w+)[^>]*>")
_NAMED: Final = re.compile(r"(?<![\w'\"`(.])(\w+)='([^'\n]*)'")
_PIP: Final = re.compile(r"`?pip install ([\w-]+)`?")
_EQUAL: Final = re.compile(r"\b([a-z][\w.]*)=(?=(?:NULL|TRUE|FALSE|c\(|-?\d))")


def in_r_words(message: str, one_based: bool = False) -> str:
    """Python's words for values as R's: ``NULL``, ``c(2, NA)``, ``mode = "max"``."""
    message = _SHAPE.sub(_as_vector, message)
    message = _STRINGS.sub(lambda found: "c(" + found[1].replace("'", '"') + ")", message)
    message = _CLASS.sub(lambda found: _CLASSES.get(found[1], found[1]), message)
    message = _WORD.sub(lambda found: _R_WORDS[found[1]], message)
    message = _TENSOR.sub(_as_tensor, message)
    message = _SYMBOLIC.sub(_as_tensor, message)
    message = _NAMED.sub(r'\1 = "\2"', message)
    message = _EQUAL.sub(r"\1 = ", message)
    message = _PIP.sub(r'`py_install("\1")`', message)
    if one_based:
        message = _AXIS.sub(_counted_from_1, message)
    return message


def _as_vector(found: re.Match[str]) -> str:
    """A Python shape as R's vector. What is one number in brackets may be a remark, or a unit."""
    first, rest = found[1], found[2]
    if ("[" in found[0]) != ("]" in found[0]):  # a range without its end
        return found[0]
    if not rest and found[0].startswith("(") and "," not in first:
        return found[0]
    return vector(sizes_of(first + rest))


def _as_tensor(found: re.Match[str]) -> str:
    dtype = f"{found[2]} " if found[2] else ""
    return f"a {dtype}tensor of shape {found[1]}"


def sizes_of(shape: str) -> list[str]:
    """The sizes in a shape as Python writes it."""
    return re.findall(_SIZE, shape)


def vector(sizes: list[str]) -> str:
    """Sizes as R writes them: a size that is not known is `NA`."""
    known = [size if re.fullmatch(r"-?\d+", size) else "NA" for size in sizes]
    return f"c({', '.join(known)})"


def _counted_from_1(found: re.Match[str]) -> str:
    return f"{found[1]}{' = ' if '=' in found[2] else found[2]}{int(found[3]) + 1}"
