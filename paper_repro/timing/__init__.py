"""Parts of ``speed.py``: what is timed, each in a process of its own, and the pages made of it."""
