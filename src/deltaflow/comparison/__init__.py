"""Records of many runs: collected, grouped into configurations, ranked, tested, their effects.

Everything here reads what runs left behind and nothing else: no configuration, no network.
"""
