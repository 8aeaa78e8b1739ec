"""An endless source in, updates out: a steady, current verdict on each person in view, and how that is reported and shown."""
