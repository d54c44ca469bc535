"""Networks, their losses and their weights files; nearly all need torch, so import them late."""
