"""The door: how R's functions live in Python.

Whatever of R's Python calls goes through here, on its way in and out. Knows nothing of tensors.
"""
