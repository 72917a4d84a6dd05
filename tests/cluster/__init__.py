"""PostgreSQL with one primary and two synchronous standbys, for tests: out of the wheel, on loopback, as no superuser."""
