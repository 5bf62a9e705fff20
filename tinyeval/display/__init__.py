"""How objects show themselves: one short line as text, a table in a notebook, a pandas frame.

``records`` has lists of results that do all three, ``html`` the tables, ``frames`` the frames;
pandas is imported when a frame is asked for, and not before.
"""
