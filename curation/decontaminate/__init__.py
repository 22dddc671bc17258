"""Decontamination: documents that hold evaluation items are found, named and dropped or counted.

    key     what is compared: letters, marks and digits after NFKC, dakuten kept
    sets    evaluation files -> items
    index   items -> n-grams, and short items as a whole
    shared  an index mapped by all processes of a command
    step    documents -> scores; kernels in `curation.kernels.overlap`
    read    the step's options in a recipe

Open first: `index`, whose docstring says what is found.
"""

INDEXES = "AWASE_INDEXES"  # the variable that names the folder of `shared`
