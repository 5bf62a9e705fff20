"""Item response theory: the model, its fit (torch), a new model's ability (numpy), Pyro posterior."""
