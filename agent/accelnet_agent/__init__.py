"""What the facts mean: judges and reports."""
