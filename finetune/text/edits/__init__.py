"""Small changes of a text that leave its meaning as it is: further rows for training, damaged ones for scoring.

edit.py           what an edit is
words.py          places of words; negation.py: those that stay
spelling.py       slips of the finger, confused shapes, capitals
punctuation.py    AEDA; marks dropped and added
contractions.py   don't and do not
synonyms.py       words of the same meaning
letters.py        another case, letters of another script
padding.py        neutral sentences before and after
"""
