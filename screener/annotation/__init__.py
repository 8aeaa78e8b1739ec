"""Copies of what was judged with the verdict drawn on it: videos, pictures, and the frames that decided.

Knows verdicts, pictures and files. Judges nothing; a live watch draws with the same code.
"""
