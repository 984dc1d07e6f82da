"""How right the verdicts on watched models are, and what watching costs.

``architectures``
    small models of the kinds that people write
``models``
    24 of them, half of them faulty in a known way
``unseen_architectures``, ``unseen``
    24 more, on which no rule was settled
``third_architectures``, ``third_data``, ``third``
    24 more, on real data mostly, written before a rule had judged any of them
``command``
    what each is said to have, and how long that takes
"""
