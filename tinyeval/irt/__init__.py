"""Item response theory: the model, its fits (torch, Pyro), a new model's ability (numpy)."""
