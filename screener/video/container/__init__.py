"""A file in, facts about it out: what it is, how its packets lie in time, whether it is whole. No frame is decoded here."""
