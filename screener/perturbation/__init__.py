"""What happens to a picture on its way to a viewer: re-compression, a smaller size, blur and others, each at graded strengths.

Evaluation applies them to whole data sets, a scan under `stress` to the faces of one input. Knows pixels and codecs only.
"""
