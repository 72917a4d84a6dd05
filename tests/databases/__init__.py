"""The audit on real servers: PostgreSQL and MariaDB, each test in a database of its own."""
