"""Real faces in, the same faces as drawn by generators' decoders out, paired with their originals: fakes without a forger.

The outputs have the size of the real pictures; a decoder drew either the whole picture or the face.
"""
