"""What is shown of the records: numbers with intervals, pictures, tables in the terminal.

Everything here reads what a run left behind and nothing else: no configuration, no network.
"""
