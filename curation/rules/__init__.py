"""Quality rules: statistics by kernels, thresholds by profiles.

A step here computes statistics over the Arrow bytes of a batch; which of them drop a document, at
which threshold and by whose authority is data (`curation/profiles/*.yaml`, `curation.profiles`).
Open first: `base` (a step with rules from a profile), then `characters`, the smallest step.

    characters, lines        no words needed, any language
    repetition, quality,
    fineweb, c4              datatrove's English rules, decision for decision
    japanese, hojichar,
    llm_jp                   Japanese rules, as published or with their quirks fixed
"""
