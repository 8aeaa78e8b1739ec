"""One input, or many, from source to verdict: puts the stages together. Sources and settings in, `Verdict`s out."""
