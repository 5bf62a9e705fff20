"""The measured tables: each module here measures one table and writes it beside itself.

    python -m paper_repro.first_table --data DIR

Run from the root of the repository.  ``engine`` holds what the scripts share, ``timing`` the parts
of ``speed``.
"""
