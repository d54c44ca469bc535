"""Training the networks: what is learnt from (data), methods with their recipes, and the engine.

The engine needs torch, numpy, scipy and safetensors only, so that it runs on a bare GPU machine.
"""
