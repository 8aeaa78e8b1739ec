"""The process that decodes, from both sides: a source in, frames and facts out, and a hostile file can harm nothing but that process."""
