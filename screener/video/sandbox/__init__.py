"""The decoding process, from both sides: a source in, frames and facts out. A hostile file can only harm that process."""
