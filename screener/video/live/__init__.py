"""A source that does not end in, its newest frame out, whatever happens to the connection."""
