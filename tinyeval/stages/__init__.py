"""Two stages: a first block of anchors tells what kind of model it is, a form asks the rest."""
