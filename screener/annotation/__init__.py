"""Copies of the judged inputs with the verdict drawn on them: videos, pictures, and the most suspicious frames.

Knows verdicts, pictures and files. A live watch draws with the same code.
"""
