"""Pebble: a tiny language model to read, run, train and serve. Read tokenizer.py, model.py, sample.py."""
