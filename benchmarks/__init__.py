"""Programs that measure; they print a table and a JSON line and assert nothing."""
