"""Finding and ranking texts: by words, by embeddings, by reading pairs; on sentence-transformers.

lexical.py     BM25, TF-IDF cosine
models.py      loading and saving embedding models and cross-encoders
losses.py      their losses, in parts that fit into memory
pairs.py       what belongs together, and what is searched
embeddings.py  vectors, cosines, search; the first dimensions alone
lists.py       a query with graded documents
"""
