"""Runtimes that execute graphs; each gives a Session."""
