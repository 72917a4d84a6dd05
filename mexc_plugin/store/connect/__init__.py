"""How a database is reached: engines, sessions, timeouts, and the words for what goes wrong."""
