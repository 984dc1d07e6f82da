"""Claims that are often made of activations, losses and depth, put to the test.

A claim is a sentence, a preset in ``conf/experiment/claims`` that makes the runs, and measures: a
number by condition, paired by seed, and the bound that its interval must keep. The verdict
follows from the numbers by one rule, and can come out against the claim:

>>> from claims import CLAIMS, Bound, Finding, judge
>>> CLAIMS[0].sentence[:12], str(CLAIMS[0].measures[0].bound)
('With sigmoid', 'above 1')
>>> answer = Bound(low=1).answer(0.7, 0.9)
>>> found = Finding(0, ("depth 2",), mean=0.8, low=0.7, high=0.9, n=10, answer=answer)
>>> judge([found], premises=[], parts=[""]).kind
'does not hold'

``claim``, ``wording``, ``ruling``
    what a claim is, how conditions are named, and how a verdict follows
``evidence``, ``networks``, ``convolution``
    numbers of runs by seed, from records, from trained networks, from another kind of network
``depth``, ``units``, ``outputs``, ``costs``, ``structure``, ``catalogue``
    the claims
``conducting``, ``ledger``, ``document``, ``command``
    runs, results for machines and for people, and the command line
"""

from claims.catalogue import CLAIMS, chosen
from claims.claim import Bound, Claim, Measure
from claims.ruling import Finding, Verdict, judge

__all__ = ["CLAIMS", "Bound", "Claim", "Finding", "Measure", "Verdict", "chosen", "judge"]
