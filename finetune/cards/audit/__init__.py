"""The page of a look at the data.

audit_page.py  all of it
columns.py     the table of columns; values.py draws what stands in them
rows.py        duplicates, leaks, the first rows
labels.py      the target, giveaways, likely label errors, words for groups
media.py       images and audio
cleaning.py    what was mended
plots.py       histograms
"""
