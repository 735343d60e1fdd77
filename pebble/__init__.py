"""A tiny language model and a small sentence encoder: to read, to run, and to train."""
