"""Helpers that several tests use. No test file imports another one."""
