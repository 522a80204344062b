"""Keras's objects: models, layers, classes, weights, training, saving."""
