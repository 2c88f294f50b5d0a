"""Readers of finished patches: NaoTH's archives, Nao Devils, TK03. Readers of camera pictures are in `annotations`."""
