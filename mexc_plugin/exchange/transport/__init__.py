"""The ways to the wire: those below ccxt, guarded while a cancel is being sent, and a `fetch` of the user's own."""
