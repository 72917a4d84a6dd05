"""The store, room by room, on real databases: SQLite, PostgreSQL and MariaDB, each test in one of its own."""
