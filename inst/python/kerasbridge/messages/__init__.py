"""What Keras and the frameworks say, told in R's words.

A message is freed of what Keras and TensorFlow wrap around it, told anew where :data:`RULES` has
it, and then put into R's words: ``NULL`` for ``None``, ``c(2, 3)`` for ``(2, 3)``.
"""

from kerasbridge.messages.rules import RULES, Told, missing, told, wrong_target
from kerasbridge.messages.words import in_r_words, unwrapped, vector

__all__ = [
    "RULES",
    "Told",
    "in_r_words",
    "missing",
    "told",
    "unwrapped",
    "vector",
    "wrong_target",
]
