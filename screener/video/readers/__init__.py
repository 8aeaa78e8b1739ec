"""Files, pictures, streams and cameras in, frames with their times out: one module for each decoder, and for each way of
reading an input.
"""
