"""A polite crawler that reads products off the pages of a web shop."""
