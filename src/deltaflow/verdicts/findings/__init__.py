"""Departures from a definition, each a function of the evidence that finds it or nothing.

``flow``
    gradients at the start: vanishing, exploding, chaotic
``units``
    units that are copies, saturated, off or dead
``settings``
    settings that keep a network from learning: weight decay, clipping, dropout, scales, shapes
``training``
    what training did: divergence, updates too large or too small
``outcome``
    networks that learnt too little, too long, by heart; and sound ones
"""
