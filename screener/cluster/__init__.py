"""One run on many machines: inputs are cut into shards, a ledger of create-only objects in the output store says who judges which, and
every input gets exactly one row. The verdicts are those of `scanning.batch`, wherever they are made.

`stores` reaches S3, GCS, Azure and folders; `inputs`, `manifest` and `plans` say what is judged and how; `ledger` holds leases and results;
`worker` judges a shard; `lone` works without a launcher, `driving` and `ray_actor` under Ray, where `scorer_pool`, `ray_scorer` and
`scorer_line` may do the scoring apart from the decoding; `results` reads what has come of it.
"""
