"""The report of a run: one HTML file that needs nothing else, for people.

    evaluation  evaluation sets and the documents that hold their items
    gather      the numbers, from the run's own audits and commit records
    examples    dropped documents and the part of each that the rule is about
    texts       what a text was when its step saw it
    marks       where a rule bites in a text: which finder for which statistic
    finders     ways to find such a part
    charts      histograms as SVG
    section     one dataset as HTML, made by a worker
    page        the whole

Open first: `page.write_report`.
"""
