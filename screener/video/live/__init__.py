"""An endless source in, its newest frame out, through any loss of the connection."""
