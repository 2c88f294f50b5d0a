"""Code that both projects use unchanged; it imports neither of them."""
