"""Pictures in, observations out; knows nothing of SQL, messages or HTTP."""

import os

# ONNX Runtime 1.32 keeps a device id in the home folder and reports its use unless told not to: said
# here, before any module below imports it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
