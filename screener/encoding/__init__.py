"""Pictures in, coded video out. Knows encoders and containers, not what the pictures show."""
