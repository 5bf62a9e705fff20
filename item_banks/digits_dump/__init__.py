"""The results behind the bank of the digits, and the scripts that make them; see README.md."""
