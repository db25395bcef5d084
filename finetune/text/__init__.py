"""Texts and their parts: words and tags, windows of long rows, answers inside of texts, sentences.

words.py      where the words of a text are; what can be told of a tag from a word alone
tags.py       tags of words and spans of texts, in every form that data sets have them in
windows.py    parts of a row that is longer than the model
spans.py      answers in a context, and the best one over its windows
sentences.py  the sentences of a context, ranked for a question
"""
