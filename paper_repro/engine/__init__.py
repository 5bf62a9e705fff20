"""What the scripts share: cells are measured once, kept, and made into tables.

sets      the result sets, read and split
methods   every method by its name, ours and published ones
store     results of cells on disk, so that a run that is killed goes on where it was
measure   what is missing, in order of importance
table     rows of figures, means over sets, paired bootstrap
script    the command line of every script
"""
