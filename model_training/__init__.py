"""Where the shipped expression model comes from: data, recipes, training, export, evaluation.

Nothing in `api`, `worker` or `storage` imports this package; it alone may import TensorFlow.
"""

import os

# TensorFlow reads this while it is imported; without it a page about CPU features is on stderr.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
