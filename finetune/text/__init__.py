"""Texts and their parts: words and tags, windows of long rows, answers inside of texts, sentences.

words.py      where the words of a text are; what can be told of a tag from a word alone
tags.py       tags of words and spans of texts, in every form that data sets have them in
windows.py    parts of a row that is longer than the model
spans.py      answers in a context, and the best one over its windows
sentences.py  the sentences of a context, ranked for a question
rewriting.py  edits that leave in place what an answer points at
edits/        small changes of a text that leave its meaning as it is
repair.py     texts that were decoded, copied or scraped badly, and how to mend them (markup.py: HTML)
languages.py  which language a text is in
personal.py   personal data in texts (account_numbers.py, phone_numbers.py: what it is told by)
timestamps.py dates and times, and their parts
duplicates.py texts that are there twice, exactly or nearly (shingles.py: runs of words; minhash.py: short signatures)
"""
