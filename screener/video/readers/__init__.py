"""Containers, pictures, streams and cameras in, frames with their times out: a file for each decoder, and for each way through an input."""
