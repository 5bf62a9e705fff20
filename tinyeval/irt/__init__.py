"""Item response theory: the model, its fits (torch, Pyro) and ability estimation (numpy)."""
