"""Events copied from the database beside the bots to a central one, by writer and sequence."""
