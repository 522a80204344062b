"""Keras's objects: models, layers, classes, weights, training, saving."""

from __future__ import annotations

from kerasbridge import backends

backends.require_keras()
