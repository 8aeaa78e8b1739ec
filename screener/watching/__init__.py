"""An endless source watched: a steady, current verdict on each person in view, and what is told and shown of it."""
