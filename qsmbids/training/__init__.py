"""Training the networks: synthetic susceptibility, degraded fields, recipes and the loop.

The loop needs torch, numpy, scipy and safetensors only, so that it runs on a bare GPU machine.
"""
