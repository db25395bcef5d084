"""Cards of data sets: what a person declares, what was measured, and what is unknown.

data_card.py   a card's files, written and checked
answers.py     what only a person can say
stats.py       what was measured
measured.py    its tables (contents.py, paragraphs.py: what goes into them)
data_page.py   README.md
croissant.py   the same for programs (croissant_files.py: where the data is)
lock.py        hashes
places.py      names of folders
"""
