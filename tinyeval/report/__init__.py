"""Report: what a bank can tell, and what its predictions say, in words, figures and one page.

:mod:`.facts` and :mod:`.held_out` measure, :mod:`.words` and :mod:`.checks` judge, :mod:`.figures`
draws, and :mod:`.page` puts all of it on one page of HTML without scripts.  The commands take their
verdicts from here too.
"""
