"""Search: filters, lexical scoring, exact terms and ranked hits."""
