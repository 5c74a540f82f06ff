"""Rows and the only SQL there is. One module per noun; functions take a Session."""
