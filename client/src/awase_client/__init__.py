"""awase_client: a token stream that is a pure function of (plan, position)."""
