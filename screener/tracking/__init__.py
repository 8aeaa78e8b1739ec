"""Face boxes in, people out: assigns a `track_id` to every box. Knows frames, boxes and appearance; no scores, files or networks."""
