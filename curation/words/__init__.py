"""Words of a batch of documents, as published word rules need them.

    batch.WordBatch   word ids of every document, and the features of a word id
    english           spaCy's English word split as a kernel, word for word
    japanese          SudachiPy called directly: datatrove's Japanese words without spaCy

Words are numbered; a number stands for one spelling within one batch, and rules read a word's
length, kinds of characters and hashes from a table. Which number a word gets depends on what a
process met before, so no statistic may depend on the number itself.
"""
