"""The certified score: an interval that rests on nothing but which items were drawn at random.

The calibrated interval of a prediction holds if new models err as held-out source models did.  A
certified one needs no likeness of models.  Besides the anchors each model is asked items that are
drawn for it with known probabilities.  The history only makes the interval narrow; were it of no
use, the interval would be wide, and hold.

    answers to the anchors --expected--> score expected of every item --drawing--> items to ask
        --increments, from the drawn answers--> an unbiased estimate in each step
        --interval, betting--> Certificate
"""

from tinyeval.certified.certificate import Certificate as Certificate
from tinyeval.certified.certifier import Certifier as Certifier
from tinyeval.certified.fitting import check_certifiable as check_certifiable
from tinyeval.certified.fitting import fit_certifier as fit_certifier
