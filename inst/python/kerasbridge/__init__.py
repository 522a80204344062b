"""kerasbridge: what R and Keras need to know of each other, on Python's side.

R owns the syntax; the rules (integers, axes, shapes, subscripts, memory layout, classes,
training data) are here, and run without R. No module imports a framework for nothing: what
the user chose is found in ``sys.modules``.
"""

__version__ = "0.1.0"

#: The Keras release that the wrappers were generated from.
__keras__ = "3.15.1"
