"""Files of tables, read into columns of numbers or texts, or into polars series for Parquet.

``table_file`` opens and reads files, ``delimited`` parses text, and ``formats`` refuses files that
are not tables.
"""
