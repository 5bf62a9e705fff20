"""What a GPU does with tinyeval, measured by one command: ``python -m paper_repro.gpu_check``."""
