"""Where the shipped expression model comes from: data, recipes, training, export, evaluation.

Nothing in `api`, `worker` or `storage` imports this package; it alone may import TensorFlow.
"""

import os

# TensorFlow reads this while it is imported; without it a page about CPU features is on stderr.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# ONNX Runtime keeps a device id in the home folder and reports its use unless told not to.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
