"""The processes that judge and watch, and the server's side of the pipes to them. Only `judge`, `judging` and `watching` run there."""
