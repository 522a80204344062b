"""How much memory Python holds for R, and when R is to collect."""
