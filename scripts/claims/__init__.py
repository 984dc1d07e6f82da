"""Claims that are often made of activations, losses and depth, put to the test.

A claim is a sentence, a preset in ``conf/experiment/claims`` that makes the runs, and measures: a
number by condition, paired by seed, and the bound that its interval must keep. The verdict
follows from the numbers by one rule, and can come out against the claim:

>>> from claims import Finding, all_claims, judge
>>> claim = all_claims()["C"]
>>> claim.sentence, claim.measures[0].above
('In deep networks gradients vanish with tanh too.', 1.3)
>>> str(judge(claim, [Finding(0, ("init=he",), mean=0.8, deviation=0.2, n=16)]))
'refuted'

``runs``, ``networks``, ``convolution``
    numbers by seed: from records, from the networks themselves, from another kind of network
``measures``, ``claim``, with ``claims.yaml``
    what is measured for each claim, and what it must be
``verdict``
    how a verdict follows from the numbers
``results``, ``document``, ``command``
    what claims came to, for machines and for people, and the command line
"""

from claims.claim import Answer, Claim, Measure, Role, all_claims
from claims.verdict import Finding, Kind, Verdict, find, judge

__all__ = [
    "Answer", "Claim", "Finding", "Kind", "Measure", "Role", "Verdict", "all_claims", "find",
    "judge",
]  # fmt: skip
