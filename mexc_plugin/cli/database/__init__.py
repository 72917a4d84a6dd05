"""Parts of db: what only some databases have, and what takes long."""
