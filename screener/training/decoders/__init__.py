"""Real faces -> the same faces as generators' decoders draw them, each beside its original: fakes that need no forger.

Comes in: faces of real pictures. Goes out: for each, pictures of the same size in which a decoder drew the whole picture, or the face.
"""
