"""Making weights: pictures and self-blended fakes in, checkpoints out. Scanning never imports this package."""
