"""Networks that turn local fields into susceptibility; they need torch, so import them late."""
