"""A file in, facts about it out: what it is, how its packets lie in time, whether it is whole. The only frame decoded here is the first."""
