"""The pure core, the same in a trainer's process and behind the server.

    plan.py     plan.json -> Plan                       what the stream is a function of
    order.py    position  -> (source, draw)             Huffman descent, integers only
    shuffle.py  (source, draw) -> (epoch, sequence)     Feistel permutation a epoch
    views.py    sequence  -> segments of documents      memory-mapped index arrays
    gather.py   segments  -> one buffer of tokens       numba where importable, numpy otherwise
    shelf.py    the files behind them                   mapped when needed, bounded, each block
                                                        checked before its first use (files.py)
    reader.py   Engine: all of these                    positions -> Block (block.py)

Open first: `reader`, then `gather`. docs/tokens.md describes what lies on disk.
Depends on numpy and the standard library; numba is used when importable, with the same bytes.
"""
