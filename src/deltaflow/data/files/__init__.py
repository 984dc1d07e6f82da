"""Tables as files: found, and parsed into columns of numbers, of texts, or of Parquet's own types.

``table_file`` opens and reads, ``delimited`` parses text, ``formats`` refuses what is no table.
"""
