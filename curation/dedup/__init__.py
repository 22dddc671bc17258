"""Deduplication: exact by a 128-bit hash of a matching key, near by MinHash LSH.

    keys      the matching key of a text, its XXH3-128 hash
    minhash   band hashes of character or word n-grams, one numba kernel over the UTF-8 buffer
    datatrove the same from signatures equal to datatrove's; simplify is its matching key
    groups    equal keys and bands -> groups of duplicates -> which document stays

Keys and bands are functions of one document and are taken by the workers for every document,
kept or not; groups need the whole set and are found in one process, a band at a time.
"""
