"""What both projects use unchanged; imports neither of them."""
