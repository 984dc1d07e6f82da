"""Tables as files: found, parsed, and each column taken for numbers, truth or categories.

``files`` and ``delimited`` read, ``formats`` refuses what is no table, ``words`` knows what a value
says and ``columns`` what a column holds, ``selection`` which of them are used; ``problems`` tells
what is wrong with any of them in one message.
"""
