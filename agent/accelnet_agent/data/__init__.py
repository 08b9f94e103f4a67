"""Facts, each with its source; no judgement is here."""
