"""How right the verdicts on watched models are, and what watching costs.

``architectures``
    small models of the kinds that people write
``models``
    24 of them, half of them faulty in a known way
``unseen_architectures``, ``unseen``
    24 more, on which no rule was settled
``trial``
    the command: what each is said to have, and how long that takes
"""
