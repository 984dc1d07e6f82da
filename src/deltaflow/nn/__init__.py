"""Networks as a tensor axis: stacked layers, what they are made of, where randomness comes from.

Weights of R replicas are one tensor ``[R, fan_out, fan_in]`` per layer. Nothing here knows a
trainer, a configuration or a file.
"""
