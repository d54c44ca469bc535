"""What trainings learn from: susceptibility, fields, heads, and how they are corrupted."""
