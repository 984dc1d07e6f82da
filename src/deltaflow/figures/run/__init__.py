"""The picture of a run, ``flow.png``.

``picture``
    what it shows, and how it is drawn
``axes``, ``canvas``
    the axes and texts that are reused for the next picture
``depth_panels``, ``class_panels``, ``number_panels``
    the panels over depth, and those of predictions
"""
