"""The banks that ship, a folder each, and the scripts that make them.

    python -m item_banks.make_digits

Run from the root of the repository.  ``digits_dump`` and ``language`` hold the results behind two
of the banks, and the scripts that make these results.
"""
