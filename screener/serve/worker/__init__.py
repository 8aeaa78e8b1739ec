"""The worker processes that judge and watch, and the server's side of the pipes to them.

`judge`, `judging`, `watching` and `line` run in workers, `keeper` and `pipe` in the server, `messages` in both.
"""
