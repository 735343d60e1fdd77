"""Draw every figure anew."""

from pathlib import Path

from sitekit.drawings import write

print("\n".join(write(Path.cwd())) or "Every drawn figure is up to date.")
