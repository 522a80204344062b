"""The binding against the installed Keras, which may be older than the one generated from.

``make test-keras-oldest`` runs this file with the oldest release that is supported.
"""

from __future__ import annotations

import inspect

import keras
import pytest

import kerasbridge
from kerasbridge.errors import ArgumentError
from kerasbridge.wrappers import adapters, bindings

PINNED = keras.__version__ == kerasbridge.__keras__


def refused() -> dict[str, str]:
    """The wrappers that the installed Keras has nothing for, and what is said of each."""
    messages = {}
    for name in bindings.signatures():
        try:
            bindings.bind(name)
        except ArgumentError as error:
            messages[name] = str(error)
    return messages


def test_every_wrapper_binds_or_names_both_versions() -> None:
    messages = refused()
    for name, message in messages.items():
        assert name in message
        assert keras.__version__ in message
        assert kerasbridge.__keras__ in message
    if PINNED:
        assert messages == {}
    else:
        assert 0 < len(messages) < 0.1 * len(bindings.signatures())


def lacking() -> list[tuple[str, bindings.Parameter]]:
    """Optional parameters that the installed Keras does not have yet."""
    found = []
    gone = refused()
    for name, signature in bindings.signatures().items():
        if name in gone or signature.form == "pair":
            continue
        function = adapters.adapted(signature.python, bindings.target(signature.python))
        accepted = inspect.signature(function).parameters
        if any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
            continue
        found += [
            (name, parameter)
            for parameter in signature.parameters
            if parameter.mode == "default"
            and parameter.name not in accepted
            and parameter.name != "zero_indexed"  # the shim's own
        ]
    return found


def test_a_parameter_of_a_later_release_is_dropped_at_rest_and_refused_when_set() -> None:
    cases = lacking()
    assert bool(cases) is not PINNED
    for name, parameter in cases:
        signature = bindings.signatures()[name]
        function = adapters.adapted(signature.python, bindings.target(signature.python))
        accepted = bindings._accepted(function)
        at_rest = [p.default for p in signature.parameters]
        assert parameter.name not in accepted.named(signature, at_rest)
        set_now = ["other" if p is parameter else p.default for p in signature.parameters]
        with pytest.raises(ArgumentError, match=parameter.name):
            accepted.named(signature, set_now)
