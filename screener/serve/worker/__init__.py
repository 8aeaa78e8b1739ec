"""The process that judges, and the server's side of the pipe to it. Only `process` and `judging`, which run in it, load the models."""
