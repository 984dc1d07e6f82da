"""Verdicts on a watched training, with remedies for PyTorch code.

``evidence``
    the records of a training, and quantities derived from them
``findings``
    the findings, most important first
``words``
    the findings in words
``fail_on``
    an error for findings of chosen kinds
"""
