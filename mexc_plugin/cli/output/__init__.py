"""Rows, tables and progress on a terminal or in a pipe."""
