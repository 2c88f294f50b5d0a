"""Readers of patches that are already cut: NaoTH, Nao Devils, TK03. Camera pictures are read by `annotations`."""
