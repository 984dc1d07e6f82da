"""What is wrong with a watched training, and what to do about it in PyTorch's words.

``evidence``
    what a training is judged by
``findings``
    what is wrong, most important first
``words``
    that in words
``fail_on``
    findings that end a program
"""
