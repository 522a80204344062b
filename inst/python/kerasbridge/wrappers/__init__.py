"""The generated functions' way to Keras."""
