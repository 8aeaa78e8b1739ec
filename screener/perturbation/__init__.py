"""Perturbations of a picture, such as re-compression, down-scaling and blur, each at five strengths.

Evaluation applies them to whole data sets, `scan --stress` to the faces of one input. Knows pixels and codecs only.
"""
