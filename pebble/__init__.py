"""Pebble, a tiny language model to read, run, train and serve, and a small sentence encoder beside it."""
