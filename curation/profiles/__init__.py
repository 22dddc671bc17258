"""Profiles: ordered lists of steps with their thresholds, as YAML data beside this file.

    load_profile("ja-default") -> list[Step]     or a path to a file of your own
    profile_names()                              what ships with awase

A profile names steps by kind (`curation.profiles.kinds`), gives their options, and lists rules in
the order in which they are checked:

    version: 1
    name: gopher
    description: ...
    steps:
      - step: repetition
        options: {language: en}
        rules:
          dup_line_frac: {max: 0.3, source: "Gopher, table A1"}

A rule's key is the reason it gives. `statistic` names the statistic where it is not the reason.
Exactly one of `max` (fails above), `min` (fails under), `under` (fails at or above), `over` (fails
at or under), `is` (fails when equal) holds the threshold. `source` is required: it says by whose
authority; that of a step says so for the bounds among its options. `annotate: true` counts the
failures and drops nothing. `language: whole` beside `steps` has the language of whole texts judged,
as the peer does, where the recipe says nothing of it; `prefix`, the default, of their first part.
"""

from curation.profiles.read import (
    Around,
    Profile,
    load_profile,
    profile_names,
    read_profile,
    read_steps,
)

__all__ = ["Around", "Profile", "load_profile", "profile_names", "read_profile", "read_steps"]
