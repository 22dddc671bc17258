"""Which data, in which ratio: a YAML document becomes an immutable plan.

    spec.py      YAML            -> Mixture        checked, every problem with line and column
    catalog/     names           -> versions       immutable versions, aliases with history
    views/       token set       -> view           selected, held out, packed; shared by plans
    plan.py      Mixture + views -> Plan           integers and digests only
    explain.py   Plan            -> a tree a person reads

Open first: `spec`, then `plan`.
"""
