"""The spool: where events wait while the database is out of reach."""
