"""What a reader of a comparison must know, in words: what was compared, and what is left out."""
