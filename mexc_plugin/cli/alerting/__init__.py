"""Somebody is told: what is worth a call, how it is made, and who looks meanwhile."""
