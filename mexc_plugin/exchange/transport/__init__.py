"""The ways to the wire below ccxt, guarded while a cancel is being sent."""
