"""An endless source in, updates out: a steady, current verdict on each person in view, and what is told and shown of it."""
