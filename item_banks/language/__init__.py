"""The results behind the bank of small text items, and the scripts that make them; see README.md.

families    fifteen families of questions
benchmark   the items, and questions to learn from
tokens      tokens, and rows of training text
runs        the training runs, drawn by number
learning    trains a run
answering   lets a checkpoint answer
parts       what one run answered, on disk
population  every run, one after the other or several at once
dump        joins the parts
"""
