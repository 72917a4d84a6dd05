"""What people ask of the record: one table, one way to filter it."""
