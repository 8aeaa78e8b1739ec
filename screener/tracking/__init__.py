"""Face boxes in, people out: every box gets a `track_id`. Knows frames, boxes and how things look; no scores, files or networks."""
