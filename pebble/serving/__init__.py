"""The parts of Pebble's server. Read engine.py, http.py, then one protocol: openai_chat.py or ollama.py."""
