"""One file from an address: asked for, resumed, hashed, judged."""
